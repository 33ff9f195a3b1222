package doctor

import "testing"

func TestMachine(t *testing.T) {
	const pages = "sys/kernel/mm/transparent_hugepage/enabled"
	const clock = "sys/devices/system/clocksource/clocksource0/current_clocksource"
	runRows(t, []row{
		{name: "asked for", check: "transparent huge pages", want: "pass | madvise | madvise or never"},
		{
			name: "unasked", check: "transparent huge pages", files: files{pages: "[always] madvise never\n"}, sys: notRoot,
			want: "warn | always | madvise or never | echo madvise | sudo tee /" + pages,
		},
		{name: "garbled", check: "transparent huge pages", files: files{pages: "always]\n"}, want: `skip | not understood: "always]" | `},
		{name: "not to be seen", check: "transparent huge pages", files: files{pages: absent}, want: "skip | not to be seen here: /" + pages + " | "},

		{name: "none", check: "swap", want: "pass | none | none"},
		{
			name: "some", check: "swap", files: files{"proc/swaps": "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n/swap file 1 0 -3\n"},
			want: "warn | 2 in use | none | MemorySwapMax=0    # systemd; docker run --memory 4g --memory-swap 4g; or swapoff -a",
		},
		{
			name: "not for this process", check: "swap", files: files{"proc/swaps": "/dev/sda2 partition 1 0 -2\n", "sys/fs/cgroup/system.slice/memory.swap.max": "0\n"},
			want: "pass | not for this process | none",
		},
		{name: "not to be seen", check: "swap", files: files{"proc/swaps": absent}, want: "skip | not to be seen here: /proc/swaps | "},

		{name: "fast", check: "clock", want: "pass | tsc | tsc, kvm-clock, …"},
		{
			name: "slow", check: "clock", files: files{clock: "hpet\n"},
			want: "warn | hpet | tsc, kvm-clock, … | cat /sys/devices/system/clocksource/clocksource0/available_clocksource | echo tsc | tee /" + clock,
		},
		{name: "garbled", check: "clock", files: files{clock: "t s c\n"}, want: `skip | not understood: "t s c" | `},
		{name: "not to be seen", check: "clock", files: files{clock: absent}, want: "skip | not to be seen here: /" + clock + " | "},
	})
}

func TestNetworkCard(t *testing.T) {
	const dir = "sys/class/net/eth0/"
	const queues, interrupt = "queues of the network card", "interrupts of the network card"
	runRows(t, []row{
		{name: "few, and the kernel spreads", check: queues, want: "pass | eth0 2 with RPS | >= 8, or RPS"},
		{
			name: "few", check: queues, files: files{dir + "queues/rx-1/rps_cpus": "00000000,00000000\n"},
			want: "warn | eth0 2 | >= 8, or RPS | ethtool -L eth0 combined 8    # or, if the card has no more: | echo ffff | tee /sys/class/net/eth0/queues/rx-*/rps_cpus",
		},
		{name: "few, for few connections", check: queues, files: files{dir + "queues/rx-1/rps_cpus": "0\n"}, set: connections(49_999), want: "pass | eth0 2 | >= 1, or RPS"},
		{name: "as many as processors", check: queues, files: files{dir + "queues/rx-1/rps_cpus": "0\n"}, sys: procs(2, 2), want: "pass | eth0 2 | >= 2, or RPS"},
		{
			name: "two cards", check: queues, files: files{"sys/class/net/eth1/device/vendor": "x", "sys/class/net/eth1/queues/rx-0/rps_cpus": "0\n"}, sys: notRoot,
			want: "warn | eth0 2 with RPS, eth1 1 | >= 8, or RPS | sudo ethtool -L eth1 combined 8    # or, if the card has no more: | echo ffff | sudo tee /sys/class/net/eth1/queues/rx-*/rps_cpus",
		},
		{name: "no card", check: queues, files: files{dir + "device/vendor": absent}, want: "skip | no network card to be seen | "},

		{name: "spread", check: interrupt, want: "pass | eth0: 2 queues on 2 processors | spread"},
		{
			name: "on one processor", check: interrupt, files: files{"proc/interrupts": interrupts(0, 0)},
			want: "warn | eth0: 2 queues on 1 processors | spread | systemctl enable --now irqbalance",
		},
		{name: "there is one", check: interrupt, files: files{"proc/interrupts": interrupts(0, 0)}, sys: procs(1, 1), want: "skip | one queue, or names that do not say whose they are | spread"},
		{name: "names of somebody else", check: interrupt, files: files{"proc/interrupts": "CPU0 CPU1\n 41: 1 2 PCI virtio3-rx\n 42: 1\n"}, want: "skip | one queue, or names that do not say whose they are | spread"},
		{name: "empty", check: interrupt, files: files{"proc/interrupts": ""}, want: "skip | one queue, or names that do not say whose they are | spread"},
		{name: "not to be seen", check: interrupt, files: files{"proc/interrupts": absent}, want: "skip | not to be seen here: /proc/interrupts | "},
	})
}

func TestCPUMask(t *testing.T) {
	for n, want := range map[int]string{
		0: "1", 1: "1", 2: "3", 4: "f", 16: "ffff", 31: "7fffffff", 32: "ffffffff", 33: "1,ffffffff", 64: "ffffffff,ffffffff", 66: "3,ffffffff,ffffffff",
	} {
		if got := cpuMask(n); got != want {
			t.Errorf("of %d processors: %s, want %s", n, got, want)
		}
	}
}
