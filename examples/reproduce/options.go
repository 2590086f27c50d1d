package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// options are the command line.
type options struct {
	only []string // names of papers; empty: all
	size size
	out  string
	json string
	seed uint64
	list bool
}

// errUsage says that the command line is wrong and that the user has been told.
var errUsage = errors.New("usage")

// parse reads the command line; known are the names of the papers.
func parse(args []string, stderr io.Writer, known []string) (options, error) {
	var o options
	var only string
	var isQuick, isFull bool
	f := flag.NewFlagSet("reproduce", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&only, "only", "", "comma-separated `papers` to run; default all: "+strings.Join(known, ", "))
	f.BoolVar(&isQuick, "quick", false, "small sizes, at most 40 s a paper on two cores")
	f.BoolVar(&isFull, "full", false, "sizes as in the papers")
	f.StringVar(&o.out, "out", "reproduce-out", "`directory` for report and figures")
	f.StringVar(&o.json, "json", "", "write the claims to `file`, one JSON record a line; - means standard output, the table then goes to standard error")
	f.Uint64Var(&o.seed, "seed", 0, "`number` added to the seeds of all experiments")
	f.BoolVar(&o.list, "list", false, "list papers and claims and exit")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage // the flag set has said what is wrong
	}
	fail := func(format string, a ...any) (options, error) {
		fmt.Fprintf(stderr, "reproduce: "+format+"\n", a...)
		return o, errUsage
	}
	if f.NArg() > 0 {
		return fail("unexpected argument %q", f.Arg(0))
	}
	if isQuick && isFull {
		return fail("-quick and -full exclude each other")
	}
	if o.out == "" {
		return fail("-out is empty, want a directory")
	}
	o.size = normal
	if isQuick {
		o.size = quick
	}
	if isFull {
		o.size = full
	}
	for name := range strings.SplitSeq(only, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if !slices.Contains(known, name) {
			return fail("unknown paper %q in -only, known are: %s", name, strings.Join(known, ", "))
		}
		if !slices.Contains(o.only, name) {
			o.only = append(o.only, name)
		}
	}
	if only != "" && len(o.only) == 0 {
		return fail("-only %q names no paper, known are: %s", only, strings.Join(known, ", "))
	}
	return o, nil
}
