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
	c.failOverdue(now)
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

// idle tells whether nobody is here and nothing is under way.
func (c *chat) idle() bool {
	return len(c.members) == 0 && len(c.saves.underway) == 0 && len(c.appends.waiting) == 0 && len(c.presence.leaving) == 0
}

// wakeIn makes sure that the chat is woken at most d from now.
func (c *chat) wakeIn(d time.Duration) {
	at := time.Now().Add(d)
	if !c.wakeAt.IsZero() && !at.Before(c.wakeAt) {
		return
	}
	c.wakeAt = at
	c.router.alarm.after(d, c.self)
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
	if len(c.saves.queue) > 0 {
		due(c.saves.queue[0].received.Add(c.router.cfg.SavePatience))
	}
	if c.saves.lookingUp() {
		due(now.Add(c.router.cfg.LogPatience))
	}
	if at, ok := c.appends.nextDeadline(c.router.cfg.LogPatience); ok {
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
