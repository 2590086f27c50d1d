package nn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/gradflow/gradflow/flow/kernel"
)

// ErrConfig is a network description that makes no sense.
var ErrConfig = errors.New("invalid network")

// Config describes a multilayer perceptron.
type Config struct {
	// Sizes are n_0 (inputs), the widths of the hidden layers, and n_L (outputs).
	Sizes []int
	// Act is the activation of the hidden layers; the last layer is linear.
	Act Activation
	// Bias gives each layer a bias.
	Bias bool
	// Standard chooses s_l = t = 1 and weights scaled at the start, instead of
	// the parameterisation of the tangent kernel.
	Standard bool
	// SigmaW is σ_w; zero means Act.Gain().
	SigmaW float64
	// SigmaB is σ_b; zero means 0.05, or with Standard that biases start at zero.
	SigmaB float64
}

// MLP is the architecture of a multilayer perceptron: where each layer's
// parameters lie in θ, and how they are scaled. It holds no parameters and does
// not change, so any number of goroutines may share one.
type MLP struct {
	cfg    Config
	layers []span
	dim    int
}

// span is where a layer lies in θ and how it scales its input.
type span struct {
	in, out      int
	w, b         int     // offsets of W_l and b_l; b < 0 without biases
	scale, shift float64 // s_l, t
	devW, devB   float64 // standard deviations at the start
}

// New returns the architecture that c describes. The error wraps ErrConfig.
func New(c Config) (*MLP, error) {
	if len(c.Sizes) < 2 {
		return nil, fmt.Errorf("nn: Sizes = %v, want at least inputs and outputs: %w", c.Sizes, ErrConfig)
	}
	for i, n := range c.Sizes {
		if n < 1 {
			return nil, fmt.Errorf("nn: Sizes[%d] = %d, want at least 1: %w", i, n, ErrConfig)
		}
	}
	if !c.Act.Valid() {
		return nil, fmt.Errorf("nn: Act = %v, want one of the constants: %w", c.Act, ErrConfig)
	}
	for _, s := range []struct {
		name string
		v    float64
	}{{"SigmaW", c.SigmaW}, {"SigmaB", c.SigmaB}} {
		if !(s.v >= 0) || math.IsInf(s.v, 0) {
			return nil, fmt.Errorf("nn: %s = %v, want a finite number >= 0: %w", s.name, s.v, ErrConfig)
		}
	}
	c.Sizes = slices.Clone(c.Sizes)
	if c.SigmaW == 0 {
		c.SigmaW = c.Act.Gain()
	}
	if c.SigmaB == 0 && !c.Standard {
		c.SigmaB = 0.05
	}
	n := &MLP{cfg: c}
	for l := 1; l < len(c.Sizes); l++ {
		n.layers = append(n.layers, n.span(c.Sizes[l-1], c.Sizes[l]))
	}
	return n, nil
}

// span lays the next layer behind those before it.
func (n *MLP) span(in, out int) span {
	s := span{in: in, out: out, w: n.dim, b: -1, scale: n.cfg.SigmaW / math.Sqrt(float64(in)), shift: n.cfg.SigmaB, devW: 1, devB: 1}
	if n.cfg.Standard {
		s.scale, s.devW = 1, s.scale
		s.shift, s.devB = 1, s.shift
	}
	n.dim += in * out
	if n.cfg.Bias {
		s.b = n.dim
		n.dim += out
	}
	return s
}

// Config returns the description with its defaults filled in. Its Sizes must
// not be changed.
func (n *MLP) Config() Config { return n.cfg }

// Dim returns the number p of parameters.
func (n *MLP) Dim() int { return n.dim }

// Depth returns the number L of layers of weights.
func (n *MLP) Depth() int { return len(n.layers) }

// Inputs returns n_0.
func (n *MLP) Inputs() int { return n.layers[0].in }

// Outputs returns n_L.
func (n *MLP) Outputs() int { return n.layers[len(n.layers)-1].out }

// Scale returns s_l and t of layer l, 1 <= l <= L.
func (n *MLP) Scale(l int) (s, t float64) { return n.layers[l-1].scale, n.layers[l-1].shift }

// Weights returns W_l and b_l (nil without biases) of layer l, 1 <= l <= L, as
// views of theta, which has length Dim.
func Weights[T kernel.Float](n *MLP, theta []T, l int) (w kernel.Matrix[T], b []T) {
	checkLen("theta", len(theta), n.dim)
	s := n.layers[l-1]
	w = kernel.MatrixOf(s.out, s.in, theta[s.w:s.w+s.out*s.in])
	if s.b >= 0 {
		b = theta[s.b : s.b+s.out]
	}
	return w, b
}

// Init stores random parameters in theta, a function of (seed, index) alone. The
// float32 and the float64 network of one seed differ by rounding only.
func Init[T kernel.Float](n *MLP, theta []T, seed, index uint64) {
	checkLen("theta", len(theta), n.dim)
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], index)
	r := rand.New(rand.NewChaCha8(key))
	for l, s := range n.layers {
		w, b := Weights(n, theta, l+1)
		for i := range w.Data {
			w.Data[i] = T(s.devW * r.NormFloat64())
		}
		for i := range b {
			b[i] = T(s.devB * r.NormFloat64())
		}
	}
}

func checkLen(name string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("nn: len(%s) = %d, want %d", name, got, want))
	}
}
