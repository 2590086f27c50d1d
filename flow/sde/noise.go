package sde

import (
	"fmt"

	"github.com/gradflow/gradflow/flow"
)

// Shape says how the m channels of a Wiener process enter the n components of
// a state: what b dW is.
type Shape int

// Shapes of noise.
const (
	// Diagonal noise has a channel for each component, (b dW)_i = b_i dW_i, and
	// b_i depends on t and x_i only. A Diffusion has n entries.
	Diagonal Shape = iota
	// Scalar noise has one channel, (b dW)_i = b_i dW; b_i may depend on all of
	// x. A Diffusion has n entries.
	Scalar
	// General noise has Noise.Channels channels, b dW is a matrix-vector
	// product. A Diffusion is a row-major n x m matrix.
	General
)

// String returns the name of the shape.
func (s Shape) String() string {
	if s < Diagonal || s > General {
		return fmt.Sprintf("Shape(%d)", int(s))
	}
	return [...]string{"Diagonal", "Scalar", "General"}[s]
}

// Calculus is the sense in which an equation with noise that depends on the
// state is meant.
type Calculus int

// The two calculi. For additive noise they are the same.
const (
	Ito Calculus = iota
	Stratonovich
)

// String returns the name of the calculus.
func (c Calculus) String() string {
	if c < Ito || c > Stratonovich {
		return fmt.Sprintf("Calculus(%d)", int(c))
	}
	return [...]string{"Ito", "Stratonovich"}[c]
}

// Noise describes the noise of a System. The zero value is diagonal noise that
// may depend on the state, in the sense of Itô.
type Noise struct {
	// Shape says how the channels enter the components.
	Shape Shape
	// Channels is the number m of channels of General noise. Other shapes
	// ignore it: they have n channels (Diagonal) or one (Scalar).
	Channels int
	// Additive says that b = b(t) does not depend on the state.
	Additive bool
	// Calculus is the sense in which the equation is meant.
	Calculus Calculus
}

// channels is the number m of channels for a state of dimension n.
func (n Noise) channels(dim int) int {
	switch n.Shape {
	case Diagonal:
		return dim
	case Scalar:
		return 1
	}
	return n.Channels
}

// size is the length of a Diffusion for a state of dimension n.
func (n Noise) size(dim int) int {
	if n.Shape == General {
		return dim * n.Channels
	}
	return dim
}

func (n Noise) check() error {
	if n.Shape < Diagonal || n.Shape > General {
		return fmt.Errorf("sde: shape of the noise is %v, want Diagonal, Scalar or General: %w", n.Shape, flow.ErrArgument)
	}
	if n.Calculus < Ito || n.Calculus > Stratonovich {
		return fmt.Errorf("sde: calculus of the noise is %v, want Ito or Stratonovich: %w", n.Calculus, flow.ErrArgument)
	}
	if n.Shape == General && n.Channels < 1 {
		return fmt.Errorf("sde: General noise has %d channels, want at least 1: %w", n.Channels, flow.ErrArgument)
	}
	return nil
}
