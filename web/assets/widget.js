/**
 * The chat widget: one script for any site.
 *
 *     <script type="module" src="https://chat.example.com/widget.js" data-chat-id="abc"></script>
 *
 * Attributes of the script element, all optional:
 *   data-chat-id      the chat; without it one is created at {api-base}/api/chats when the panel first opens, and kept in localStorage
 *   data-api-base     where the API is; default: where this script came from
 *   data-token-url    answers {token, wsUrl}; default {api-base}/api/ws/token
 *   data-history-url  answers {messages}; default {api-base}/api/chats/{chatId}/messages
 *   data-ws-url       wins over the token answer's wsUrl
 *   data-credentials  omit | same-origin | include: cookies of the API's requests; default same-origin
 *   data-title        heading of the panel; default "Chat with us"
 *   data-greeting     text of an empty chat
 *   data-theme        light | dark; default: the reader's preference
 *   data-mount        selector of a positioned element to live in; default: the page's corner
 *   data-open         opens the panel at once, without taking the focus
 *
 * Everything lives in a shadow root, so neither side's styles reach the other; only the custom property --eclipse-inset of
 * the page says which part of its place the widget may take (as `inset` does, default 0). It sets text and never markup.
 */

import { Widget } from './ui/widget.js';

// A module has no currentScript; `src` may be written relative, so it is the resolved address that tells.
const script = [...document.scripts].find((s) => s.src === import.meta.url);

const start = () => new Widget({ ...script?.dataset }, new URL('.', import.meta.url).href).start();
if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start, { once: true });
else start();
