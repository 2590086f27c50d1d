// Command game times package game and prints the times beside those of other programs;
// see run.
package main

import "github.com/gradflow/gradflow/bench/internal/timing"

// timings are the cases of all files.
var timings timing.Cases

func main() { timings.Main() }
