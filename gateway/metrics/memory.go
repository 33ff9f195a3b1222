package metrics

// Memory is what the memory guard says.
type Memory struct {
	State     string // one of MemoryStates
	UsedBytes int64
	MaxBytes  int64 // 0: the guard is off
}

// MemoryStates are the states of the memory guard, from good to bad.
var MemoryStates = []string{"off", "ok", "refusing", "shedding"}

// memoryTable are the figures of the memory guard.
var memoryTable = table[Memory]{
	gauges(
		"memory_guard_state", "The state of the memory guard: 1 for the one that it is in, 0 for the others.",
		[]string{"state"}, func(m Memory, emit emit) {
			for _, state := range MemoryStates {
				emit(boolean(m.State == state), state)
			}
		},
	),
	gauge("memory_used_bytes", "Memory that is used, as the guard saw it last.", func(m Memory) float64 { return float64(m.UsedBytes) }),
	gauge("memory_limit_bytes", "Memory that there is; 0 if the guard is off.", func(m Memory) float64 { return float64(m.MaxBytes) }),
}
