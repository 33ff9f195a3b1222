package recovery

import (
	"fmt"
	"slices"
	"testing"
)

// change is a step of a history that is written down: a room joined or left at a position.
type change struct {
	join bool
	room string
	at   Position
}

func joined(room string, at Position) change { return change{true, room, at} }
func left(room string, at Position) change   { return change{false, room, at} }

// historyOf is the history of a socket that was connected at a position, while nothing was settled yet.
func historyOf(at Position, changes ...change) *History {
	h := NewHistory(at)
	for _, c := range changes {
		if c.join {
			h.Joined(c.room, c.at)
		} else {
			h.Left(c.room, c.at, 0)
		}
	}
	return h
}

func TestWhatWasTheSockets(t *testing.T) {
	for _, row := range []struct {
		name    string
		changes []change
		want    []Position // of 1 to 9, those that were the socket's if they were aimed at room r
	}{
		{"never joined", nil, nil},
		{"another room", []change{joined("q", 3)}, nil},
		{"joined: what is behind it", []change{joined("r", 3)}, []Position{4, 5, 6, 7, 8, 9}},
		{"joined at the start", []change{joined("r", 0)}, []Position{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"left: up to it", []change{joined("r", 3), left("r", 6)}, []Position{4, 5, 6}},
		{"joined twice", []change{joined("r", 3), joined("r", 7), left("r", 8)}, []Position{4, 5, 6, 7, 8}},
		{"left twice", []change{joined("r", 3), left("r", 4), left("r", 8)}, []Position{4}},
		{"left what was not joined", []change{left("r", 4), joined("r", 7)}, []Position{8, 9}},
		{"joined and left with nothing between", []change{joined("r", 3), left("r", 3)}, nil},
		{
			"in and out",
			[]change{joined("r", 1), left("r", 2), joined("r", 4), left("r", 5), joined("r", 8)},
			[]Position{2, 5, 9},
		},
		{
			"among other rooms",
			[]change{joined("z", 1), joined("a", 2), joined("r", 5), joined("s", 6), left("a", 7), left("r", 8), left("z", 8)},
			[]Position{6, 7, 8},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := historyOf(0, row.changes...)
			var got []Position
			for p := Position(1); p < 10; p++ {
				if h.has("r", p) {
					got = append(got, p)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("%d were the socket's, want %d", got, row.want)
			}
		})
	}
}

func TestRoomsOfAHistory(t *testing.T) {
	h := historyOf(0, joined("b", 1), joined("a", 2), joined("c", 3), left("b", 4))
	if got := slices.Collect(h.Rooms); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("the socket is in %q, want a and c", got)
	}
	for room := range h.Rooms {
		if room != "a" {
			t.Errorf("a walk that was broken off goes on to %q", room)
		}
		break
	}
}

func TestHistoryForgetsWhatIsSettled(t *testing.T) {
	h := historyOf(0, joined("a", 1), joined("b", 1), joined("c", 1))
	h.Left("a", 10, 5)
	h.Left("b", 20, 10) // all up to 10 is settled, and with it what a was good for
	if len(h.left) != 1 || h.left[0].room != "b" {
		t.Fatalf("%v is remembered, want b alone", h.left)
	}
	h.Left("c", 30, 30)
	if h.left != nil {
		t.Fatalf("%v is remembered though all is settled", h.left)
	}
	if h.sure != 30 || h.floor != 0 {
		t.Errorf("sure up to %d with the floor at %d, want 30 and 0: nothing was lost", h.sure, h.floor)
	}
}

func TestHistoryOfManyRoomsLeft(t *testing.T) {
	h := NewHistory(0)
	const many = HistoryLeftMax + 3
	for i := range many {
		h.Joined(fmt.Sprint("room", i), Position(i))
		h.Left(fmt.Sprint("room", i), Position(i+1), 0)
	}
	if len(h.left) != HistoryLeftMax {
		t.Fatalf("%d rooms are remembered, want %d", len(h.left), HistoryLeftMax)
	}
	if h.floor != 3 {
		t.Errorf("the floor is at %d, want 3, where the last room that is forgotten was left", h.floor)
	}
	if h.has("room2", 3) || !h.has("room3", 4) {
		t.Error("it is not the oldest that were forgotten")
	}
}

func TestHistoryGivesMemoryBack(t *testing.T) {
	h := NewHistory(0)
	const many = 1000
	for i := range many {
		h.Joined(fmt.Sprint(i), 1)
	}
	for i := range many {
		h.Left(fmt.Sprint(i), 1, 0)
	}
	if cap(h.open) > 2*HistoryLeftMax || h.left != nil {
		t.Errorf("room for %d memberships is kept, and %d former ones", cap(h.open), len(h.left))
	}
}

func TestOnlyALastingConnectionSettles(t *testing.T) {
	h := NewHistory(10)
	h.settle(9)
	if h.sure != 10 {
		t.Fatalf("sure up to %d, want 10", h.sure)
	}
	h.settle(20)
	if h.sure != 20 {
		t.Fatalf("sure up to %d, want 20", h.sure)
	}
	h.leave(30)
	h.leave(90) // it was away all the time
	if h.sure != 30 {
		t.Fatalf("sure up to %d, want 30, where the connection was good for the last time", h.sure)
	}
	h.resume(50, 100) // 50 is the first that it has missed
	h.settle(99)
	if h.sure != 49 {
		t.Fatalf("sure up to %d, want 49 while the replay may be lost", h.sure)
	}
	h.settle(101)
	if h.sure != 101 {
		t.Fatalf("sure up to %d, want 101", h.sure)
	}
}
