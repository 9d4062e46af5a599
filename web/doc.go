// Package web holds the browser side, embedded: the client (client.js), the widget (widget.js), and for development a
// demo page and the agents' view. The files are plain ES modules and style sheets: no build step, no dependency.
//
// The gateway mounts Handler at Patterns. The handler reads nothing but memory, never blocks, holds no state and
// imports nothing of ours. What it does not have is 404, whatever is no GET or HEAD is 405.
//
// What /widget.js and /client.js import lies in /ui/ and /client/, which are therefore public as well. A style sheet
// x.css can be had as a module x.css.js too, whose default export is its text: that is how the widget gets its styles
// into a shadow root past the style policy of the site that includes it.
//
// # Names that tests may use
//
// The widget lives in the open shadow root of #eclipse-chat (data-testid="eclipse-widget"), whose data-connection
// attribute is the connection's status: connecting, open, reconnecting or closed. Inside, by data-testid:
//
//	launcher, badge            the button, and its count of unread messages
//	panel, close, presence     the dialog, its close button, the line under its title
//	banner, connection, reconnect   shown unless connected: the row, its text, the button "Try now"
//
// The conversation is the same in the widget and in the agents' view, where it is in the document itself:
//
//	log, history-state, empty  the scrolling log; the note about loading; the text of an empty chat
//	message                    with data-id, data-client-id, data-role (lower case) and data-state (sending, accepted, stored, failed)
//	content, state             in a message: its text; how far an own one got (all that are not stored, and the last one): Sending…,
//	                           "Accepted, will be delivered", "Sent, being saved" (shown to all and not stored yet), Sent or Seen
//	retry, discard             in a failed message that was written here
//	lost                       in a failed message of somebody else: "Not delivered"
//	event                      "… joined the chat"
//	typing, jump               the typing line; the button to the newest messages
//	composer, send             the text area and its button
//
// The agents' view: body carries data-connection and, for the phone layout, data-view (list or conversation).
//
//	search, waiting, chat-list the search field; how many chats wait; the list
//	chat-row                   a chat with data-chat-id, aria-current where open; in it preview, unread and .dot (.on = visitor online)
//	who, presence, back        the open chat's name, its visitor's presence, back to the list (phone)
//	banner, connection         as in the widget
//
// The demo page has the widget in #visitor, the agents' view in the iframe #agents, and on a phone #tab-visitor and #tab-agents.
package web
