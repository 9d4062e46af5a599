package actors

import "time"

// What time brings to a chat: one alarm, set for the earliest of its deadlines.

// onWake does what is due and sets the alarm for what is due next.
func (c *chat) onWake() {
	now := time.Now()
	if now.Before(c.wakeAt) {
		return
	}
	c.wakeAt = time.Time{}
	c.endTyping(func(t typist) bool { return !t.until.After(now) })
	c.announceDepartures(now)
	c.forgetUnconfirmed(now)
	c.postUnasked(now)
	c.enterLate(now)
	c.askAgain(now)
	c.seekDue(now)
	c.claimDue(now)
	c.failOverdue(now)
	c.sendHeld(now)
	c.serveUnlogged(now)
	c.welcomeLate(now)
	c.retryRead(now)
	c.askToRetire(now)
	c.wakeNext(now)
}

func (c *chat) welcomeLate(now time.Time) {
	if c.ready || now.Sub(c.joined) < c.router.cfg.WelcomeTimeout {
		return
	}
	c.welcomeAll()
}

func (c *chat) welcomeAll() {
	for i := range c.members {
		if !c.members[i].welcomed {
			c.welcome(&c.members[i])
		}
	}
}

func (c *chat) askToRetire(now time.Time) {
	if c.idle() && now.Sub(c.emptied) >= c.router.cfg.Linger {
		c.router.sendRoot(&retire{chatID: c.id, joins: c.joins})
	}
}

// busy tells whether a message or an event is under way.
func (c *chat) busy() bool { return len(c.saves.underway) > 0 || len(c.appends.waiting) > 0 }

// idle tells whether nobody is here and nothing is under way.
func (c *chat) idle() bool {
	return len(c.members) == 0 && !c.busy() && len(c.presence.leaving) == 0
}

// wakeIn makes sure that the chat is woken at most d from now.
func (c *chat) wakeIn(d time.Duration) { c.wakeAtLatest(time.Now().Add(d)) }

// wakeAtLatest makes sure that the chat is woken by a time.
func (c *chat) wakeAtLatest(at time.Time) {
	if !c.wakeAt.IsZero() && !at.Before(c.wakeAt) {
		return
	}
	c.wakeAt = at
	c.router.alarm.after(time.Until(at), c.self)
}

// wakeNext sets the alarm for the earliest deadline.
func (c *chat) wakeNext(now time.Time) {
	var next time.Time
	due := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for _, t := range c.typists {
		due(t.until)
	}
	for _, l := range c.presence.leaving {
		due(l.at)
	}
	if !c.presence.confirmBy.IsZero() {
		due(c.presence.confirmBy)
	}
	c.dueOfSaves(now, due)
	if !c.claimAt.IsZero() {
		due(c.claimAt)
	}
	if at, ok := c.appends.nextDeadline(c.router.cfg.LogPatience); ok {
		due(at)
	}
	if at, ok := c.appends.nextHeld(); ok {
		due(at)
	}
	if !c.ready && len(c.members) > 0 && now.Sub(c.joined) < c.router.cfg.WelcomeTimeout {
		due(c.joined.Add(c.router.cfg.WelcomeTimeout))
	}
	if !c.readAt.IsZero() {
		due(c.readAt)
	}
	if len(c.members) == 0 {
		due(maxTime(c.emptied.Add(c.router.cfg.Linger), now.Add(time.Second)))
	}
	if !next.IsZero() {
		c.wakeIn(next.Sub(now))
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// dueOfSaves tells the deadlines of messages under way.
func (c *chat) dueOfSaves(now time.Time, due func(time.Time)) {
	if len(c.saves.underway) == 0 {
		return
	}
	soonest := func(d time.Duration, match func(*save) bool) {
		if at, ok := c.saves.firstDue(d, match); ok {
			due(maxTime(at, now.Add(wakeAtLeast)))
		}
	}
	if c.accepts() {
		soonest(c.router.cfg.AcceptPatience, outsideOutbox)
	}
	soonest(c.router.cfg.LogPatience, func(s *save) bool { return s.asking && !s.posted && !s.accepted })
	soonest(c.router.cfg.SavePatience, func(s *save) bool { return !s.handed && !s.accepted })
	for _, s := range c.saves.underway {
		if c.forgotten(s) {
			due(maxTime(s.enteredAt.Add(c.router.cfg.AcceptCheck), now.Add(wakeAtLeast)))
			break
		}
	}
	if s := c.saves.turn; s != nil && s.unsure && !s.handed && !s.asking {
		due(s.seekAt)
	}
}

// wakeAtLeast is how soon a deadline is looked at again that has passed and cannot be met yet.
const wakeAtLeast = 500 * time.Millisecond

func (c *chat) claimDue(now time.Time) {
	if !c.claimAt.IsZero() && !now.Before(c.claimAt) {
		c.claim()
	}
}
