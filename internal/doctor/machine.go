package doctor

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// hugePages looks at whether the kernel hands out pages of 2 MiB unasked.
func (e *examination) hugePages() Result {
	const file = "sys/kernel/mm/transparent_hugepage/enabled"
	r := Result{Check: "transparent huge pages", Wanted: "madvise or never", Why: "With always, memory that was given back comes again in pieces of 2 MiB, and is not seen to shrink."}
	text, err := e.files.text(file)
	if err != nil {
		return unknown(r.Check, r.Why, err)
	}
	_, rest, _ := strings.Cut(text, "[")
	chosen, _, ok := strings.Cut(rest, "]")
	if !ok || !isWord(chosen) {
		return unknown(r.Check, r.Why, garbled(text))
	}
	r.Verdict, r.Found = Pass, chosen
	if chosen == "always" {
		r.Verdict, r.Fix = Warn, []string{"echo madvise | " + e.root("tee /"+file)}
	}
	return r
}

// swap looks whether pages may go to a disk.
func (e *examination) swap() Result {
	r := Result{Check: "swap", Wanted: "none", Why: "While a loop waits for one page from a disk, everybody on it waits."}
	text, err := e.files.text("proc/swaps")
	if err != nil {
		return unknown(r.Check, r.Why, err)
	}
	areas := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "/") {
			areas++
		}
	}
	r.Verdict, r.Found = Pass, "none"
	switch {
	case areas > 0 && e.groupForbidsSwap():
		r.Found = "not for this process"
	case areas > 0:
		r.Verdict, r.Found = Warn, strconv.Itoa(areas)+" in use"
		r.Fix = []string{"MemorySwapMax=0    # systemd; docker run --memory 4g --memory-swap 4g; or " + e.root("swapoff -a")}
	}
	return r
}

// groupForbidsSwap reports whether one of the process's control groups keeps it from a disk.
func (e *examination) groupForbidsSwap() (forbids bool) {
	e.eachGroup("memory", func(dir string, second bool) {
		if n, err := e.files.number(path.Join(dir, "memory.swap.max"), 0); second && err == nil && n == 0 {
			forbids = true
		}
	})
	return forbids
}

// slowClocks are those for which the kernel has to be asked each time.
var slowClocks = []string{"hpet", "acpi_pm", "jiffies", "pit"}

// clock looks at where the time comes from.
func (e *examination) clock() Result {
	const dir = "sys/devices/system/clocksource/clocksource0/"
	r := Result{Check: "clock", Wanted: "tsc, kvm-clock, …", Why: "Of a slow clock each look is a system call of a microsecond, and loops look at it all the time."}
	text, err := e.files.text(dir + "current_clocksource")
	if err != nil {
		return unknown(r.Check, r.Why, err)
	}
	if text = strings.TrimSpace(text); !isWord(text) {
		return unknown(r.Check, r.Why, garbled(text))
	}
	r.Verdict, r.Found = Pass, text
	if slices.Contains(slowClocks, r.Found) {
		r.Verdict, r.Fix = Warn, []string{"cat /" + dir + "available_clocksource", "echo tsc | " + e.root("tee /"+dir+"current_clocksource")}
	}
	return r
}

const netDir = "sys/class/net"

// cards are the network cards that lead elsewhere: those that are a device.
func (e *examination) cards() (names []string, err error) {
	entries, err := fs.ReadDir(e.sys.Files, netDir)
	if err != nil {
		return nil, fmt.Errorf("%w: /%s", errAbsent, netDir)
	}
	for _, entry := range entries {
		// Stat follows the link, and ReadLink does not need to.
		if _, err := fs.Stat(e.sys.Files, path.Join(netDir, entry.Name(), "device")); err == nil {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// queues looks at how many processors take packets from the network card with the fewest queues.
func (e *examination) queues() Result {
	r := Result{Check: "queues of the network card", Why: "One processor takes the packets of each queue. It is full before the others have anything to do."}
	cards, err := e.cards()
	if err != nil {
		return unknown(r.Check, r.Why, err)
	}
	if len(cards) == 0 {
		return Result{Check: r.Check, Verdict: Skip, Found: "no network card to be seen", Why: r.Why}
	}
	want := large(1, int64(min(e.sys.CPUs, queuesMax)))(e.n)
	r.Verdict, r.Wanted = Pass, atLeast(want)+", or RPS"
	var found []string
	for _, card := range cards {
		queues, spread := e.receiveQueues(card)
		text := card + " " + strconv.Itoa(queues)
		if spread {
			text += " with RPS"
		}
		found = append(found, text)
		if int64(queues) < want && !spread {
			r.Verdict = Warn
			r.Fix = append(r.Fix,
				e.root(fmt.Sprintf("ethtool -L %s combined %d", card, want))+"    # or, if the card has no more:",
				fmt.Sprintf("echo %s | %s", cpuMask(e.sys.CPUs), e.root(fmt.Sprintf("tee /%s/%s/queues/rx-*/rps_cpus", netDir, card))))
		}
	}
	r.Found = strings.Join(found, ", ")
	return r
}

// receiveQueues counts the queues of a card, and reports whether the kernel spreads the packets of all of them (RPS).
func (e *examination) receiveQueues(card string) (queues int, spread bool) {
	dir := path.Join(netDir, card, "queues")
	entries, err := fs.ReadDir(e.sys.Files, dir)
	if err != nil {
		return 0, false
	}
	spread = true
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "rx-") {
			continue
		}
		queues++
		mask, err := e.files.text(path.Join(dir, entry.Name(), "rps_cpus"))
		if err != nil || strings.Trim(mask, "0,\n") == "" {
			spread = false
		}
	}
	return queues, spread && queues > 0
}

// cpuMask is the mask of the first n processors as the kernel reads it: 32 of them to a word, the highest word first.
func cpuMask(n int) string {
	n = max(n, 1)
	words := make([]string, 0, n/32+1)
	if rest := n % 32; rest > 0 {
		words = append(words, fmt.Sprintf("%x", uint32(1)<<rest-1))
	}
	for range n / 32 {
		words = append(words, "ffffffff")
	}
	return strings.Join(words, ",")
}

// interrupts looks whether the queues of a card all interrupt the same processor.
func (e *examination) interrupts() Result {
	r := Result{Check: "interrupts of the network card", Wanted: "spread", Why: "If all queues interrupt the same processor there might as well be one."}
	cards, err := e.cards()
	if err != nil {
		return unknown(r.Check, r.Why, err)
	}
	text, err := e.files.text("proc/interrupts")
	if err != nil {
		return unknown(r.Check, r.Why, err)
	}
	r.Verdict, r.Found = Skip, "one queue, or names that do not say whose they are"
	for _, card := range cards {
		busiest := busiestCPUs(text, card)
		if len(busiest) < 2 || e.sys.CPUs < 2 {
			continue
		}
		distinct := slices.Compact(slices.Sorted(slices.Values(busiest)))
		r.Found = fmt.Sprintf("%s: %d queues on %d processors", card, len(busiest), len(distinct))
		if len(distinct) == 1 {
			r.Verdict, r.Fix = Warn, []string{e.root("systemctl enable --now irqbalance")}
			return r
		}
		r.Verdict = Pass
	}
	return r
}

// busiestCPUs finds, for each interrupt that is named after a card and has ever come, the processor that gets most of them. A
// row is a number with a colon, a count for each processor, and names; the first line names the processors.
func busiestCPUs(text, card string) (busiest []int) {
	head, rows, _ := strings.Cut(text, "\n")
	cpus := len(strings.Fields(head))
	for row := range strings.Lines(rows) {
		fields := strings.Fields(row)
		if cpus == 0 || len(fields) < cpus+2 || !namedAfter(fields[len(fields)-1], card) {
			continue
		}
		at, most := 0, int64(0)
		for i, field := range fields[1 : cpus+1] {
			if n, err := parseCount(field); err == nil && n > most {
				at, most = i, n
			}
		}
		if most > 0 {
			busiest = append(busiest, at)
		}
	}
	return busiest
}

// namedAfter tells eth0, eth0-rx-1 and i40e-eth0-TxRx-3 from eth01.
func namedAfter(name, card string) bool {
	return slices.Contains(strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == ':' || r == '@' }), card)
}
