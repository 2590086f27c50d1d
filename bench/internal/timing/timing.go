// Package timing times cases of a package and prints the times beside those of other
// programs, which a file has; the script run in the folder above makes that file.
package timing

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Cases are what a program times.
type Cases []timed

type timed struct {
	name    string
	prepare func() (func() error, error)
}

// Add adds a case: prepare makes the function whose calls are timed.
func (c *Cases) Add(name string, prepare func() (func() error, error)) {
	*c = append(*c, timed{name, prepare})
}

// Main is the main function of a program that times the cases. Its times are CPU times,
// with -wall those that pass, for calls that use more than one core.
func (cases Cases) Main() {
	peers := flag.String("peers", "", "file with lines of a case, a tab and seconds")
	only := flag.String("only", "", "cases whose names hold this text")
	wall := flag.Bool("wall", false, "the time that passes instead of CPU time")
	flag.Parse()
	clock := CPU
	if *wall {
		begin := time.Now()
		clock = func() time.Duration { return time.Since(begin) }
	}
	if err := run(cases, clock, *peers, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(cases Cases, clock func() time.Duration, file, only string) error {
	peers, err := readPeers(file)
	if err != nil {
		return err
	}
	fmt.Printf("%-44s %12s %12s %8s\n", "case", "gradflow", "peer", "ratio")
	for _, c := range cases {
		if !strings.Contains(c.name, only) {
			continue
		}
		f, err := c.prepare()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		s, err := seconds(f, clock)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		peer, ratio := "", ""
		if p, ok := peers[c.name]; ok {
			peer, ratio = human(p), fmt.Sprintf("%.1f", p/s)
		}
		fmt.Printf("%-44s %12s %12s %8s\n", c.name, human(s), peer, ratio)
	}
	return nil
}

func human(s float64) string {
	return time.Duration(s * 1e9).Round(max(1, time.Duration(s*1e6))).String()
}

// readPeers reads the times of the other programs.
func readPeers(name string) (map[string]float64, error) {
	peers := map[string]float64{}
	if name == "" {
		return peers, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), "\t")
		s, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("line %q of the peers: %w", lines.Text(), err)
		}
		peers[name] = s
	}
	return peers, lines.Err()
}

// seconds is the least time of a call, over rounds of about 20 ms.
func seconds(f func() error, clock func() time.Duration) (float64, error) {
	const rounds = 7
	n, best := 1, 0.0
	for round := 0; round < rounds; {
		start := clock()
		for range n {
			if err := f(); err != nil {
				return 0, err
			}
		}
		d := (clock() - start).Seconds()
		if d < .02 && n < 1<<24 {
			n *= 2
			continue
		}
		if s := d / float64(n); round == 0 || s < best {
			best = s
		}
		round++
	}
	return best, nil
}
