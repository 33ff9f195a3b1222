package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"starling/bench/internal/proc"
)

func TestTmpMeasure(t *testing.T) {
	if os.Getenv("TMPM") == "" {
		t.Skip()
	}
	proc.RaiseDescriptors()
	for _, text := range []string{"half-open=5000", "silent=5000", "slowloris=5000", "slow=1000", "malformed=1000/s", "churn-flood=1000/s","oversized=100/s","hoarder=100","ping-flood=10"} {
		cmd := exec.Command("/tmp/chaos-starling", "serve", "--addr", "127.0.0.1:13777")
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		cpu := proc.NewCPU(cmd.Process.Pid)
		c := join(t, "127.0.0.1:13777")
		spec, _ := parseSpec(text)
		b, _ := cpu.Read()
		m0, _ := proc.ReadMemory(cmd.Process.Pid)
		a, err := Start(spec, socketTarget("127.0.0.1:13777"))
		if err != nil {
			t.Fatal(err)
		}
		var lat []time.Duration
		began := time.Now()
		for time.Since(began) < 8*time.Second {
			at := time.Now()
			c.echo(t)
			lat = append(lat, time.Since(at))
			time.Sleep(5 * time.Millisecond)
		}
		e, _ := cpu.Read()
		m1, _ := proc.ReadMemory(cmd.Process.Pid)
		o := a.Stop()
		slices.Sort(lat)
		fmt.Printf("%-20s attack CPU %.1f%%  server CPU %.1f%% RSS %d -> %d KiB, echo p50 %v p99 %v max %v\n   %s\n", text, float64(o.CPU)/8e7, float64(e-b)/8e7, m0.RSS>>10, m1.RSS>>10,
			lat[len(lat)/2], lat[len(lat)*99/100], lat[len(lat)-1], o.String())
		c.Close()
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	}
}
