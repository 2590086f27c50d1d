package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
)

// run is one line of results.
type run struct{ us, err float64 }

// compareFiles prints the ratios of the fastest times at equal achieved error.
func compareFiles(w io.Writer, paths []string) error {
	runs := make(map[string]map[string][]run) // problem, solver
	for _, path := range paths {
		if err := readRuns(runs, path); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "%-16s %6s  %-26s %12s  %-22s %12s  %6s\n", "problem", "error", "gradflow", "µs", "fastest other", "µs", "ratio")
	for _, p := range problems() {
		for _, target := range []float64{1e-5, 1e-8} {
			ours, ourTime := fastest(runs[p.name], target, true)
			other, otherTime := fastest(runs[p.name], target, false)
			fmt.Fprintf(w, "%-16s %6.0e  %-26s %12.1f  %-22s %12.1f  %6.2f\n", p.name, target, ours, ourTime, other, otherTime, ourTime/otherTime)
		}
	}
	return nil
}

func readRuns(runs map[string]map[string][]run, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		v := strings.Split(lines.Text(), ",")
		if len(v) != 7 {
			continue // a run that failed
		}
		us, err1 := strconv.ParseFloat(v[5], 64)
		e, err2 := strconv.ParseFloat(v[6], 64)
		if err1 != nil || err2 != nil || math.IsNaN(e) {
			continue
		}
		if runs[v[1]] == nil {
			runs[v[1]] = make(map[string][]run)
		}
		runs[v[1]][v[0]] = append(runs[v[1]][v[0]], run{us, e})
	}
	return lines.Err()
}

// fastest returns the solver, of gradflow or not, that reaches the error first.
func fastest(solvers map[string][]run, target float64, ours bool) (name string, us float64) {
	us = math.Inf(1)
	for s, r := range solvers {
		if strings.HasPrefix(s, "gradflow") != ours {
			continue
		}
		if t := timeAt(r, target); t < us {
			name, us = s, t
		}
	}
	return name, us
}

// timeAt is the time at an achieved error, interpolated in the logarithms between
// the runs on either side of it; a solver whose every run is better takes the
// time of its quickest, one that never is, infinity.
func timeAt(r []run, target float64) float64 {
	r = append([]run(nil), r...)
	sort.Slice(r, func(i, j int) bool { return r[i].err > r[j].err })
	best := math.Inf(1)
	for i, a := range r {
		if a.err <= target {
			best = min(best, a.us)
		}
		if i == 0 || a.err > target || r[i-1].err <= target {
			continue
		}
		b := r[i-1]
		x := math.Log(target/b.err) / math.Log(a.err/b.err)
		best = min(best, math.Exp(math.Log(b.us)+x*math.Log(a.us/b.us)))
	}
	return best
}
