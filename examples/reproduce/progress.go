package main

import (
	"io"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows how far a paper is, on a terminal only.
type bar struct {
	mu    sync.Mutex
	p     *progressbar.ProgressBar // nil where there is no terminal
	paper string
	base  float64 // parts done before the current one
}

// barUnits is the number of units of the bar for a claim or figure.
const barUnits = 1000

// newBar returns the progress bar of a paper with the given number of parts.
func newBar(w io.Writer, paper string, parts int) *bar {
	b := &bar{paper: paper}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return b
	}
	b.p = progressbar.NewOptions(barUnits*parts,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(30),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(65e6),
	)
	return b
}

// begin says which part comes next.
func (b *bar) begin(part int, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.base = float64(part)
	if b.p != nil {
		b.p.Describe(b.paper + ": " + name)
		b.p.Set(part * barUnits)
	}
}

// part says how much of the current part is done. The bar never goes back.
func (b *bar) part(done float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.p == nil {
		return
	}
	units := int((b.base + min(max(done, 0), 1)) * barUnits)
	if units > int(b.p.State().CurrentNum) && units < b.p.GetMax() {
		b.p.Set(units)
	}
}

// end clears the bar.
func (b *bar) end() {
	if b.p != nil {
		b.p.Finish()
	}
}
