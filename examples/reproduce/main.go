package main

import (
	_ "github.com/schollz/progressbar/v3"
	_ "golang.org/x/exp/rand"
	_ "gonum.org/v1/gonum/mat"
	_ "gonum.org/v1/plot/plotter"
	_ "gonum.org/v1/plot/vg/vgimg"
	_ "gonum.org/v1/plot/vg/vgsvg"
	_ "gonum.org/v1/plot"
	_ "gonum.org/v1/plot/palette/moreland"
	_ "gonum.org/v1/gonum/lapack/lapack64"
	_ "golang.org/x/term"
)

func main() {}
