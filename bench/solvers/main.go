// Command solvers measures work against precision: it runs the methods of package
// flow on twelve problems and prints, one line a run,
//
//	solver,problem,rtol,steps,evaluations,microseconds,error
//
// as the programs for Boost.odeint, SUNDIALS and SciPy beside it do. With -compare
// it reads such lines from files and prints, for each problem and achieved error,
// the time of the fastest solver of gradflow over that of the fastest other. The
// script run builds and runs all of them:
//
//	bench/solvers/run
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/gradflow/gradflow/flow"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("solvers: ")
	compare := flag.Bool("compare", false, "compare the results in the files that follow")
	refs := flag.String("refs", "bench/solvers/refs.txt", "final values of the problems")
	only := flag.String("only", "", "run this problem alone")
	flag.Parse()
	if *compare {
		if err := compareFiles(os.Stdout, flag.Args()); err != nil {
			log.Fatal(err)
		}
		return
	}
	ends, err := readRefs(*refs)
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(1)
	for _, p := range problems() {
		if *only != "" && p.name != *only {
			continue
		}
		for _, m := range methods(p) {
			for tol := 1e-3; tol > 1e-13; tol /= 10 {
				fmt.Println(measure(p, m, tol, ends[p.name]))
			}
		}
	}
}

// methods are those that a user would try on the problem.
func methods(p problem) []flow.Method {
	var m []flow.Method
	if !p.stiff {
		m = append(m, flow.BogackiShampine, flow.DormandPrince, flow.Tsit5, flow.Verner6, flow.Verner7, flow.DOP853)
	}
	if p.energy != nil {
		m = append(m, flow.RKC2, flow.ROCK4)
	}
	if p.stiff || p.energy != nil || p.name == "hires" || p.name == "vanderpol_mu5" {
		m = append(m, flow.ROS23, flow.Rodas4, flow.Rodas5P)
	}
	return m
}

func (p problem) field() flow.Field[float64] {
	if p.energy != nil {
		return flow.GradientFlow(flow.EnergyFunc(len(p.y0), p.energy))
	}
	return flow.FieldFunc(len(p.y0), p.f)
}

// measure is the best time of many runs.
func measure(p problem, m flow.Method, tol float64, end []float64) string {
	f := p.field()
	once := func() (*flow.Solution[float64], time.Duration, error) {
		start := time.Now()
		sol, err := flow.Solve(context.Background(), f, p.y0, flow.Options[float64]{
			Method: m, T1: p.T, RelTol: tol, AbsTol: tol / 1000, Bound: math.Inf(1), MaxSteps: 2_000_000,
		})
		return sol, time.Since(start), err
	}
	name := fmt.Sprintf("gradflow_%v,%s,%g", m, p.name, tol)
	sol, best, err := once()
	if err != nil || sol.Status != flow.Done {
		return fmt.Sprintf("%s,fail %v %v", name, sol.Status, err)
	}
	reps := 40
	if best > 2*time.Millisecond {
		reps = 6
	}
	if best > 200*time.Millisecond {
		reps = 1
	}
	for range reps {
		_, d, _ := once()
		best = min(best, d)
	}
	worst, scale := 0.0, 0.0
	for i, v := range end {
		worst, scale = max(worst, math.Abs(sol.X[i]-v)), max(scale, math.Abs(v))
	}
	return fmt.Sprintf("%s,%d,%d,%.1f,%.2e", name, sol.Stats.Accepted, sol.Stats.Evals, float64(best.Nanoseconds())/1000, worst/scale)
}

// readRefs reads lines of a name and the final state.
func readRefs(path string) (map[string][]float64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	ends := make(map[string][]float64)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		for _, w := range words[min(1, len(words)):] {
			v, err := strconv.ParseFloat(w, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			ends[words[0]] = append(ends[words[0]], v)
		}
	}
	return ends, lines.Err()
}
