package outage

// home is where the two members of a chat are when a run begins.
type home uint8

const (
	onFirst  home = iota // both on the router that is killed
	onSecond             // both on the router that lives
	across               // one on each
	typists              // both on the router that lives; they type and say nothing
	homes
)

// group is what decides which faults touch a chat.
type group struct {
	home  home
	stuck bool // the API hangs for it while it hangs for half of the chats
}

// groupOf spreads chats evenly, so that groups speak evenly too.
func groupOf(number int) group {
	return group{home: home(number % int(homes)), stuck: number/int(homes)%2 == 1}
}

func (g group) types() bool { return g.home == typists }

// router is where a member begins.
func (g group) router(member int) int {
	switch g.home {
	case onFirst:
		return 0
	case across:
		return member
	}
	return 1
}
