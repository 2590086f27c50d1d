package nn

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow/kernel"
)

// Activation is the nonlinearity φ of the hidden layers.
type Activation int

const (
	Identity  Activation = iota // φ(z) = z: a deep linear network
	ReLU                        // φ(z) = max(z, 0), φ'(0) = 0, φ'' = 0
	LeakyReLU                   // φ(z) = max(z, LeakySlope z), φ'' = 0
	Tanh                        // φ(z) = tanh z
	Sigmoid                     // φ(z) = 1/(1 + e^-z)
	Softplus                    // φ(z) = log(1 + e^z)
	GELU                        // φ(z) = z Φ(z), Φ the distribution function of N(0, 1)

	numActivations
)

// LeakySlope is the slope of LeakyReLU on the negative axis.
const LeakySlope = 0.01

var activationNames = [numActivations]string{"identity", "relu", "leaky-relu", "tanh", "sigmoid", "softplus", "gelu"}

// String returns the activation's name.
func (a Activation) String() string {
	if !a.Valid() {
		return fmt.Sprintf("Activation(%d)", int(a))
	}
	return activationNames[a]
}

// Valid says whether a is one of the constants.
func (a Activation) Valid() bool { return a >= 0 && a < numActivations }

// Curved says whether φ” differs from zero, so that a Hessian has a part from
// the activations.
func (a Activation) Curved() bool { return a >= Tanh }

// Homogeneous says whether φ(cz) = cφ(z) for c > 0. A network of D layers
// without biases is then homogeneous of degree D in its parameters.
func (a Activation) Homogeneous() bool { return a == Identity || a == ReLU || a == LeakyReLU }

// Gain returns the default σ_w: √2 for the rectifiers, which halve the second
// moment of their input, and 1 otherwise.
func (a Activation) Gain() float64 {
	switch a {
	case ReLU, LeakyReLU, GELU:
		return math.Sqrt2
	}
	return 1
}

// needsInput says whether φ' cannot be had from φ alone: all the others are
// invertible or, like ReLU, keep the sign.
func (a Activation) needsInput() bool { return a == GELU }

// apply stores φ(z) in dst. The two may be the same slice.
func apply[T kernel.Float](a Activation, dst, z []T) {
	switch a {
	case Identity:
		copy(dst, z)
	case ReLU:
		kernel.ReLU(dst, z)
	case LeakyReLU:
		kernel.LeakyReLU(dst, z, LeakySlope)
	case Tanh:
		kernel.Tanh(dst, z)
	case Sigmoid:
		kernel.Sigmoid(dst, z)
	case Softplus:
		kernel.Softplus(dst, z)
	case GELU:
		kernel.GELU(dst, z)
	}
}

// derivatives of the curved activations, from h = φ(z) and, for GELU alone, z:
//
//	tanh      φ' = 1 - h²          φ'' = -2h(1 - h²)
//	sigmoid   φ' = h(1 - h)        φ'' = h(1 - h)(1 - 2h)
//	softplus  φ' = 1 - e^-h        φ'' = (1 - e^-h)e^-h
//	gelu      φ' = Φ(z) + zϕ(z)    φ'' = (2 - z²)ϕ(z)

// slope stores φ'(z) in dst.
func slope[T kernel.Float](a Activation, dst, h, z []T) {
	switch a {
	case Tanh:
		for i, h := range h {
			dst[i] = 1 - h*h
		}
	case Sigmoid:
		for i, h := range h {
			dst[i] = h * (1 - h)
		}
	case Softplus:
		for i, h := range h {
			dst[i] = T(-math.Expm1(-float64(h)))
		}
	case GELU:
		for i, z := range z {
			z := float64(z)
			dst[i] = T(0.5*math.Erfc(-z/math.Sqrt2) + z*gauss(z))
		}
	default:
		panic(fmt.Sprintf("nn: slope of %v is not stored", a))
	}
}

// curvature stores φ”(z) in dst, given d1 = φ'(z).
func curvature[T kernel.Float](a Activation, dst, d1, h, z []T) {
	switch a {
	case Tanh:
		for i, d := range d1 {
			dst[i] = -2 * h[i] * d
		}
	case Sigmoid:
		for i, d := range d1 {
			dst[i] = d * (1 - 2*h[i])
		}
	case Softplus:
		for i, d := range d1 {
			dst[i] = d * (1 - d)
		}
	case GELU:
		for i, z := range z {
			z := float64(z)
			dst[i] = T((2 - z*z) * gauss(z))
		}
	default:
		panic(fmt.Sprintf("nn: %v has no curvature", a))
	}
}

// gauss is the density ϕ(z) of N(0, 1).
func gauss(z float64) float64 { return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) }
