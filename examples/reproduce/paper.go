package main

import (
	"context"
	"math"
	"strconv"
	"strings"
)

// papers are the constructors of the papers, in the order in which they run.
var papers = []func(job) *paper{
	newCatapult,
	newDEQ,
	newGame,
	newInfogeo,
}

// size says how much is to be computed.
type size int

const (
	quick  size = iota // for CI: a paper takes at most 40 s on two cores
	normal             // minutes
	full               // sizes as in the paper
)

func (s size) String() string { return [...]string{"quick", "default", "full"}[s] }

// job is what a paper is told when it is made. Making it computes nothing.
type job struct {
	size size
	seed uint64 // added to the seeds of the experiments
}

// pick returns the value for the job's size.
func pick[E any](j job, quick, normal, full E) E { return [...]E{quick, normal, full}[j.size] }

// paper is a paper with its claims and figures. Claims and figures run one after
// another, claims first, and may share results through the paper's own memory.
type paper struct {
	name  string // short, as in -only
	title string
	cite  string // authors, where published
	url   string
	about string // what is reproduced, a paragraph

	claims  []claim
	figures []figure
}

// claim is a statement that is measured. Its id is stable: issues name it.
type claim struct {
	id      string
	text    string
	measure func(ctx context.Context, progress progress) (outcome, error)
}

// outcome is what was measured: want, got and tol are numbers or short texts.
type outcome struct {
	want, got, tol string
	pass           bool
	note           string // for the report: how it was measured, what is remarkable
}

// progress is told which part of the work is done, between 0 and 1, from any
// goroutine.
type progress func(done float64)

// figure is a figure of the report.
type figure struct {
	name    string // of its files
	caption string
	draw    func(ctx context.Context) (picture, error)
}

// record is the line of a claim in the JSON output.
type record struct {
	Paper   string  `json:"paper"`
	ID      string  `json:"id"`
	Claim   string  `json:"claim"`
	Want    string  `json:"want"`
	Got     string  `json:"got"`
	Tol     string  `json:"tol"`
	Pass    bool    `json:"pass"`
	Seconds float64 `json:"seconds"`

	note string
}

// number prints a measured number with as many digits as a reader wants.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a != 0 && (a < 1e-3 || a >= 1e6):
		return strconv.FormatFloat(v, 'e', 1, 64)
	case a >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// numbers prints a list.
func numbers(v []float64) string {
	t := make([]string, len(v))
	for i, x := range v {
		t[i] = number(x)
	}
	return strings.Join(t, ", ")
}
