package deq

import (
	"fmt"
	"math"

	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

// Activation is a scalar function σ with what the theory needs to know of it. The
// built-in ones are the functions Identity, ReLU, LeakyReLU, Tanh, Sigmoid,
// Softplus, Atan, GELU, GELUTanh and WeakTanh; they are evaluated by vector
// kernels where there is one. One's own is a literal with all fields set (Curve may
// be left out).
type Activation struct {
	Name string
	// F, D and D2 are σ, σ' and σ''. Where σ has a kink they are those of the
	// left side.
	F, D, D2 func(z float64) float64
	// Lip is sup |σ'| and MinSlope is inf σ'; both must be bounds.
	Lip, MinSlope float64
	// Curve is a bound of |D2|, +Inf at a kink; 0 says that there is none known. It
	// is for GradientError alone.
	Curve float64

	form form
	eps  float64 // ε of WeakTanh
}

// form says which built-in an activation is.
type form int

const (
	formCustom form = iota
	formIdentity
	formReLU
	formLeaky
	formTanh
	formSigmoid
	formSoftplus
	formWeakTanh
)

// Monotone says that σ is nondecreasing, which the theory of monotone approach to
// the teacher needs.
func (a *Activation) Monotone() bool { return a.MinSlope >= 0 }

// gain is the largest slope vσ' that the map y ↦ σ(p+vy) can have. Below 1 its fixed
// point is unique.
func (a *Activation) gain(v float64) float64 { return max(v*a.Lip, v*a.MinSlope) }

// posed returns an error that wraps ErrIllPosed unless the gain is below 1.
func (a *Activation) posed(v float64) error {
	if a.gain(v) < 1 {
		return nil
	}
	return fmt.Errorf("deq: v = %v with slopes of %s in [%v, %v], want vσ' < 1: %w", v, a.Name, a.MinSlope, a.Lip, ErrIllPosed)
}

// check says what is missing in an activation.
func (a *Activation) check() error {
	switch {
	case a.F == nil || a.D == nil || a.D2 == nil:
		return fmt.Errorf("deq: activation %q has a nil function, want F, D and D2: %w", a.Name, ErrArgument)
	case !(a.Lip >= 0) || math.IsInf(a.Lip, 0) || !(math.Abs(a.MinSlope) <= a.Lip):
		return fmt.Errorf("deq: activation %q has Lip = %v and MinSlope = %v, want finite bounds of σ' with |MinSlope| <= Lip: %w", a.Name, a.Lip, a.MinSlope, ErrArgument)
	}
	return nil
}

// Identity is σ(z) = z.
func Identity() Activation {
	return Activation{
		Name: "identity", Lip: 1, MinSlope: 1, form: formIdentity,
		F:  func(z float64) float64 { return z },
		D:  func(float64) float64 { return 1 },
		D2: zero,
	}
}

// ReLU is σ(z) = max(z, 0), with σ'(0) = 0.
func ReLU() Activation {
	a := LeakyReLU(0)
	a.Name, a.form = "relu", formReLU
	return a
}

// LeakyReLU is σ(z) = z for z > 0 and gz otherwise. It panics unless 0 <= g <= 1.
func LeakyReLU(g float64) Activation {
	if !(g >= 0 && g <= 1) {
		panic(fmt.Sprintf("deq: slope of LeakyReLU is %v, want 0 <= g <= 1", g))
	}
	return Activation{
		Name: "leaky-relu", Lip: 1, MinSlope: g, Curve: math.Inf(1), form: formLeaky,
		F: func(z float64) float64 {
			if z > 0 {
				return z
			}
			return g * z
		},
		D: func(z float64) float64 {
			if z > 0 {
				return 1
			}
			return g
		},
		D2: zero,
	}
}

func zero(float64) float64 { return 0 }

// tanhCurve is above the largest second derivative of tanh, 4/(3√3), geluCurve above
// those of GELU, √(2/π), and its tanh form, at 0.
const (
	tanhCurve = 0.76981
	geluCurve = 0.79789
)

// Tanh is σ(z) = tanh z.
func Tanh() Activation {
	return Activation{
		Name: "tanh", Lip: 1, Curve: tanhCurve, form: formTanh,
		F: math.Tanh,
		D: func(z float64) float64 { c := math.Cosh(z); return 1 / (c * c) },
		D2: func(z float64) float64 {
			c := math.Cosh(z)
			return -2 * math.Tanh(z) / (c * c)
		},
	}
}

// Sigmoid is the logistic function σ(z) = 1/(1+e^-z).
func Sigmoid() Activation {
	return Activation{
		Name: "sigmoid", Lip: 0.25, Curve: tanhCurve / 8, form: formSigmoid,
		F: logistic,
		D: func(z float64) float64 { return logistic(z) * logistic(-z) },
		D2: func(z float64) float64 {
			p, q := logistic(z), logistic(-z)
			return p * q * (q - p)
		},
	}
}

// logistic is 1/(1+e^-z) with full relative accuracy on both sides.
func logistic(z float64) float64 {
	if z < 0 {
		e := math.Exp(z)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-z))
}

// Softplus is σ(z) = log(1+e^z).
func Softplus() Activation {
	return Activation{
		Name: "softplus", Lip: 1, Curve: 0.25, form: formSoftplus,
		F:  func(z float64) float64 { return max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) },
		D:  logistic,
		D2: func(z float64) float64 { return logistic(z) * logistic(-z) },
	}
}

// Atan is σ(z) = arctan z.
func Atan() Activation {
	return Activation{
		Name: "atan", Lip: 1, Curve: 0.6496, // 3√3/8
		F:  math.Atan,
		D:  func(z float64) float64 { return 1 / (1 + z*z) },
		D2: func(z float64) float64 { q := 1 + z*z; return -2 * z / (q * q) },
	}
}

// geluLip and geluMin bound the slope of GELU, reached at z = ±√2; the tanh form
// stays within geluTanhLip and geluTanhMin.
const (
	geluLip     = 1.1289042
	geluMin     = -0.1289042
	geluTanhLip = 1.1290
	geluTanhMin = -0.1290
)

// GELU is σ(z) = z Φ(z), Φ the distribution function of N(0, 1). It is not
// monotone.
func GELU() Activation {
	cdf := func(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }
	pdf := func(z float64) float64 { return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) }
	return Activation{
		Name: "gelu", Lip: geluLip, MinSlope: geluMin, Curve: geluCurve,
		F:  func(z float64) float64 { return z * cdf(z) },
		D:  func(z float64) float64 { return cdf(z) + z*pdf(z) },
		D2: func(z float64) float64 { return (2 - z*z) * pdf(z) },
	}
}

// GELUTanh is the approximation of GELU that many frameworks use,
//
//	σ(z) = z/2 (1 + tanh(√(2/π) (z + 0.044715 z³))).
func GELUTanh() Activation {
	const k = 0.044715
	c := math.Sqrt(2 / math.Pi)
	// t is the tanh, d and d2 the first two derivatives of its argument.
	parts := func(z float64) (t, d, d2 float64) {
		return math.Tanh(c * (z + k*z*z*z)), c * (1 + 3*k*z*z), c * 6 * k * z
	}
	return Activation{
		Name: "gelu-tanh", Lip: geluTanhLip, MinSlope: geluTanhMin, Curve: geluCurve,
		F: func(z float64) float64 {
			t, _, _ := parts(z)
			return z / 2 * (1 + t)
		},
		D: func(z float64) float64 {
			t, d, _ := parts(z)
			return (1 + t + z*(1-t*t)*d) / 2
		},
		D2: func(z float64) float64 {
			t, d, d2 := parts(z)
			s := 1 - t*t
			return s*d + z/2*s*(d2-2*t*d*d)
		},
	}
}

// WeakTanh is σ(z) = z + ε tanh z, a weak nonlinearity. It panics unless ε is
// finite and >= -1.
func WeakTanh(eps float64) Activation {
	if !(eps >= -1) || math.IsInf(eps, 0) {
		panic(fmt.Sprintf("deq: ε of WeakTanh is %v, want a finite number >= -1", eps))
	}
	t := Tanh()
	return Activation{
		Name: "weak-tanh", Lip: max(1, 1+eps), MinSlope: min(1, 1+eps), Curve: math.Abs(eps) * tanhCurve, form: formWeakTanh, eps: eps,
		F:  func(z float64) float64 { return z + eps*math.Tanh(z) },
		D:  func(z float64) float64 { return 1 + eps*t.D(z) },
		D2: func(z float64) float64 { return eps * t.D2(z) },
	}
}

// activate stores σ(z) in y and σ'(z) in s. The slices have one length and do not
// overlap.
func activate[T flow.Float](a *Activation, y, s, z []T) {
	switch a.form {
	case formTanh:
		kernel.Tanh(y, z)
		for i, t := range y {
			s[i] = (1 - t) * (1 + t)
		}
	case formSigmoid:
		kernel.Sigmoid(y, z)
		for i, t := range y {
			s[i] = t * (1 - t)
		}
	case formSoftplus:
		kernel.Softplus(y, z)
		kernel.Sigmoid(s, z)
	case formWeakTanh:
		kernel.Tanh(y, z)
		eps := T(a.eps)
		for i, t := range y {
			y[i], s[i] = z[i]+eps*t, 1+eps*(1-t)*(1+t)
		}
	default:
		for i, v := range z {
			y[i], s[i] = T(a.F(float64(v))), T(a.D(float64(v)))
		}
	}
}
