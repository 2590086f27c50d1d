// Command reproduce measures the claims of the papers that the library covers,
// and draws their figures.
//
//	go run ./examples/reproduce            every paper, minutes on two cores
//	go run ./examples/reproduce -quick     sizes for CI, 40 s a paper
//	go run ./examples/reproduce -full      sizes as in the papers
//
// It prints a table of the claims with what was wanted and what was measured,
// and writes report.html with the figures beside it (PNG and SVG) to
// ./reproduce-out. The exit status is 1 when a claim fails, 2 on wrong usage, and
// 130 when the program was interrupted; then what is done has been written.
//
// A paper is a file that registers its claims and figures; see paper.go and
// catapult.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the second one has its usual effect.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, papers))
}
