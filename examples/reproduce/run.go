package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Exit statuses.
const (
	exitOK          = 0
	exitFailed      = 1 // a claim failed, or something could not be written
	exitUsage       = 2
	exitInterrupted = 130
)

// session is a run of the program.
type session struct {
	options
	table  io.Writer // for people
	stderr io.Writer
	lines  io.Writer // for JSON records, nil if not asked for
	done   []result
	failed bool
}

// result is what became of a paper.
type result struct {
	paper   *paper
	records []record
	figures []drawn
	seconds float64
	cut     bool // interrupted
}

// drawn is a figure that was drawn, or why it was not.
type drawn struct {
	name, caption string
	png           []byte
	err           error
}

// run is the program, without its process: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, make []func(job) *paper) int {
	o, err := parse(args, stderr, names(make))
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	all := build(make, job{o.size, o.seed})
	if o.list {
		list(stdout, all)
		return exitOK
	}
	s := &session{options: o, table: stdout, stderr: stderr}
	if err := s.open(stdout); err != nil {
		fmt.Fprintf(stderr, "reproduce: %v\n", err)
		return exitUsage
	}
	begin := time.Now()
	for _, p := range all {
		if len(o.only) > 0 && !slices.Contains(o.only, p.name) {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		s.done = append(s.done, s.paper(ctx, p))
	}
	return s.close(ctx, time.Since(begin))
}

// names and build make the papers.
func names(make []func(job) *paper) []string {
	var n []string
	for _, p := range build(make, job{}) {
		n = append(n, p.name)
	}
	return n
}

func build(make []func(job) *paper, j job) []*paper {
	var all []*paper
	for _, m := range make {
		all = append(all, m(j))
	}
	return all
}

// open prepares the output: better to fail now than after minutes.
func (s *session) open(stdout io.Writer) error {
	if err := os.MkdirAll(s.out, 0o777); err != nil {
		return err
	}
	switch s.json {
	case "":
	case "-":
		s.lines, s.table = stdout, s.stderr
	default:
		f, err := os.Create(s.json)
		if err != nil {
			return err
		}
		s.lines = f
	}
	return nil
}

// paper runs the claims and figures of a paper until the context is cancelled.
func (s *session) paper(ctx context.Context, p *paper) result {
	begin := time.Now()
	r := result{paper: p}
	bar := newBar(s.stderr, p.name, len(p.claims)+len(p.figures))
	for i, c := range p.claims {
		if ctx.Err() != nil {
			break
		}
		bar.begin(i, c.id)
		if rec, ok := s.claim(ctx, p, c, bar.part); ok {
			r.records = append(r.records, rec)
		}
	}
	for i, f := range p.figures {
		if ctx.Err() != nil {
			break
		}
		bar.begin(len(p.claims)+i, f.name)
		if d, ok := s.figure(ctx, f); ok {
			r.figures = append(r.figures, d)
		}
	}
	bar.end()
	r.seconds = time.Since(begin).Seconds()
	r.cut = len(r.records) < len(p.claims) || len(r.figures) < len(p.figures)
	writeTable(s.table, r)
	return r
}

// claim measures a claim; not ok means that it was interrupted.
func (s *session) claim(ctx context.Context, p *paper, c claim, progress progress) (record, bool) {
	begin := time.Now()
	o, err := c.measure(ctx, progress)
	if err != nil && ctx.Err() != nil {
		return record{}, false
	}
	if err != nil {
		o.pass, o.got = false, "error: "+err.Error()
	}
	rec := record{
		Paper: p.name, ID: c.id, Claim: c.text, Want: o.want, Got: o.got, Tol: o.tol, Pass: o.pass,
		Seconds: math.Round(1e3*time.Since(begin).Seconds()) / 1e3,
		note:    o.note,
	}
	s.failed = s.failed || !rec.Pass
	if s.lines != nil {
		enc := json.NewEncoder(s.lines)
		enc.SetEscapeHTML(false)
		s.warn(enc.Encode(rec))
	}
	return rec, true
}

// figure draws a figure and writes its files.
func (s *session) figure(ctx context.Context, f figure) (drawn, bool) {
	d := drawn{name: f.name, caption: f.caption}
	pic, err := f.draw(ctx)
	if err != nil && ctx.Err() != nil {
		return d, false
	}
	if err == nil {
		d.png, err = pic.write(filepath.Join(s.out, f.name))
	}
	if err != nil {
		d.err = err
		s.warn(fmt.Errorf("figure %s: %w", f.name, err))
	}
	return d, true
}

// warn reports what went wrong beside the claims.
func (s *session) warn(err error) {
	if err != nil {
		fmt.Fprintf(s.stderr, "reproduce: %v\n", err)
		s.failed = true
	}
}

// close writes the report and says how it went.
func (s *session) close(ctx context.Context, took time.Duration) int {
	if f, ok := s.lines.(*os.File); ok && s.json != "-" {
		s.warn(f.Close())
	}
	path := filepath.Join(s.out, "report.html")
	s.warn(writeReport(path, s, ctx.Err() != nil, took))
	var claims, passed int
	for _, r := range s.done {
		claims += len(r.records)
		for _, rec := range r.records {
			if rec.Pass {
				passed++
			}
		}
	}
	fmt.Fprintf(s.table, "%d of %d claims hold; %s in %.1f s\n", passed, claims, path, took.Seconds())
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(s.stderr, "reproduce: interrupted; the %d claims that were measured are in the table and in %s\n", claims, path)
		return exitInterrupted
	case s.failed:
		return exitFailed
	}
	return exitOK
}
