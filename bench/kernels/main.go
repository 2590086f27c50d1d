// Command kernels compares flow/kernel with OpenBLAS and gonum on one thread
// and prints ratios of median times: above 1, flow/kernel is faster. The three
// take turns in short windows and are timed by the CPU time they use, so
// that a busy machine slows all of them alike.
//
//	bench/kernels/run          # builds the OpenBLAS peer if it can, and runs this
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gradflow/gradflow/bench/internal/timing"
)

func main() {
	log.SetFlags(0)
	peerPath := flag.String("peer", "", "program made from openblas/bench.c; without it, gonum alone is compared")
	only := flag.String("only", "", "comma-separated kernels, e.g. gemmNN,dot; empty: all")
	sizes := flag.String("sizes", "16,32,64,128,256,512,1024,2048", "comma-separated sizes")
	rounds := flag.Int("rounds", 15, "windows of each program a row; the median counts")
	quantile := flag.Float64("quantile", 0.5, "of the windows' times that is compared; 0 takes the best, for tuning on a busy machine")
	window := flag.Duration("window", 4*time.Millisecond, "length of a window")
	workers := flag.Int("workers", 0, "compare one worker with so many instead of the peers")
	flag.Parse()
	if *workers > 1 {
		workerTable(*workers, *rounds, *quantile)
		return
	}
	runtime.GOMAXPROCS(1)
	defer func() { runtime.KeepAlive(sink) }()
	p, err := start(*peerPath)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%-8s %3s %8s %12s %9s %9s %9s %9s\n", "kernel", "", "n", "ns", "GFLOP/s", "OpenBLAS", "gonum", "math")
	for _, k := range kernels {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), k.name) {
			continue
		}
		list := *sizes
		if k.vector {
			list += ",4096,16384,65536,1048576,4194304"
		}
		for _, s := range strings.Split(list, ",") {
			n, err := strconv.Atoi(s)
			if err != nil {
				log.Fatal(err)
			}
			for _, bits := range []int{64, 32} {
				row(p, k, n, bits, *rounds, *window, *quantile)
			}
		}
	}
}

// row measures one kernel at one size and prints a line of the table.
func row(p *peer, k kern, n, bits, rounds int, window time.Duration, quantile float64) {
	var fs []func(calls int) float64
	var names []string
	// Small operands move between the windows, as their places in the pages decide
	// whether loads wait for stores that look like theirs.
	move := func() {
		f, gonum, naive := k.prepare(n, bits)
		fs, names = []func(calls int) float64{timer(f)}, []string{"kernel"}
		if p != nil && k.peer != "" {
			name := map[int]string{64: "d", 32: "s"}[bits] + k.peer
			fs = append(fs, func(calls int) float64 { return p.time(name, n, calls) })
			names = append(names, "OpenBLAS")
		}
		if gonum != nil {
			fs, names = append(fs, timer(gonum)), append(names, "gonum")
		}
		if naive != nil {
			fs, names = append(fs, timer(naive)), append(names, "math")
		}
	}
	move()
	// The number of calls that fill a window.
	calls := make([]int, len(fs))
	for i, f := range fs {
		calls[i] = 1
		for {
			t := f(calls[i]) * float64(calls[i])
			if t >= float64(window)/2 {
				break
			}
			calls[i] = min(2*calls[i]+int(0.9*float64(window)/(t/float64(calls[i])+1)), 16*calls[i])
		}
	}
	times := make([][]float64, len(fs))
	for range rounds {
		if n <= 256 {
			move()
		}
		for i, f := range fs {
			times[i] = append(times[i], f(calls[i]))
		}
	}
	med := map[string]float64{}
	for i, t := range times {
		slices.Sort(t)
		med[names[i]] = t[int(quantile*float64(len(t)-1)+0.5)]
	}
	own := med["kernel"]
	ratio := func(name string) string {
		if t, ok := med[name]; ok {
			return fmt.Sprintf("%.2f", t/own)
		}
		return "-"
	}
	fmt.Printf("%-8s f%d %8d %12.4g %9.2f %9s %9s %9s\n", k.name, bits, n, own, k.flops(n)/own, ratio("OpenBLAS"), ratio("gonum"), ratio("math"))
}

// warm is how long a program runs before it is timed: a CPU that comes from easier
// work needs some milliseconds until it multiplies at full speed.
const warm = 5 * time.Millisecond

// timer returns a function that reports the nanoseconds of a call of f.
func timer(f loop) func(calls int) float64 {
	return func(calls int) float64 {
		begin := timing.CPU()
		for timing.CPU()-begin < warm {
			f(calls/4 + 1)
		}
		t := timing.CPU()
		f(calls)
		return float64(timing.CPU()-t) / float64(calls)
	}
}

// peer is a running openblas/bench.c.
type peer struct {
	in  io.Writer
	out *bufio.Reader
}

func start(path string) (*peer, error) {
	if path == "" {
		fmt.Println("no OpenBLAS")
		return nil, nil
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), "OPENBLAS_NUM_THREADS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &peer{in, bufio.NewReader(out)}
	fmt.Println(p.line())
	return p, nil
}

func (p *peer) line() string {
	s, err := p.out.ReadString('\n')
	if err != nil {
		log.Fatalf("OpenBLAS peer: %v", err)
	}
	return strings.TrimSpace(s)
}

func (p *peer) time(kernel string, n, calls int) float64 {
	fmt.Fprintln(p.in, kernel, n, calls)
	t, err := strconv.ParseFloat(p.line(), 64)
	if err != nil || t < 0 {
		log.Fatalf("OpenBLAS peer: %s %d: %v %v", kernel, n, t, err)
	}
	return t
}
