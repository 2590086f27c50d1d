package game

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

// refPoly is a polynomial as in the reference files.
type refPoly map[string]string

type refCase struct {
	Name        string
	Players     [][]int
	Mean        []string
	Var         any
	Losses      []refPoly
	ScalarFirst struct {
		Phi        refPoly
		P, V, N    []refPoly
		Total      string `json:"energy_total"`
		Scalar     string `json:"energy_scalar"`
		NearVector string `json:"energy_near_vector"`
		Gap        string `json:"gap_energy_near_vector_to_exact_vector"`
		B          map[string]refPoly
	} `json:"scalar_first"`
	VectorFirst struct {
		Q          refPoly
		S, V       []refPoly
		NearScalar string `json:"energy_near_scalar"`
		Vector     string `json:"energy_vector"`
		Gap        string `json:"gap_energy_near_scalar_to_exact_scalar"`
		B          map[string]refPoly
	} `json:"vector_first"`
	ThreeWay *struct{ PhiF, H refPoly } `json:"three_way"`
	EvalAt   []string                   `json:"eval_at"`
	Eval     struct {
		Xi         []float64
		GradPhi    []float64 `json:"grad_phi"`
		NearVector []float64 `json:"near_vector"`
		Phi        float64
		NearScalar []float64 `json:"near_scalar"`
		Vector     []float64
		Div        float64 `json:"div_xi"`
	}
}

func polyCases(t *testing.T) []refCase {
	t.Helper()
	var file struct{ Cases []refCase }
	readFiniteJSON(t, "poly.json", &file)
	if len(file.Cases) != 10 {
		t.Fatalf("%d cases in poly.json", len(file.Cases))
	}
	return file.Cases
}

func polyRat(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no rational number", s)
	}
	return r
}

func polyRats(t *testing.T, s []string) (out []*big.Rat) {
	t.Helper()
	for _, v := range s {
		out = append(out, polyRat(t, v))
	}
	return out
}

func polyFloats(v []*big.Rat) (out []float64) {
	for _, r := range v {
		f, _ := r.Float64()
		out = append(out, f)
	}
	return out
}

func (p refPoly) rat(t *testing.T, n int) *RatPoly {
	t.Helper()
	out := NewRatPoly(n)
	for key, c := range p {
		var e []int
		for _, v := range strings.Split(key, ",") {
			i, err := strconv.Atoi(v)
			if err != nil {
				t.Fatal(err)
			}
			e = append(e, i)
		}
		out.Add(polyRat(t, c), e...)
	}
	return out
}

// game returns the game of a case with its weight.
func (c *refCase) game(t *testing.T) (*RatPolynomial, RatWeight) {
	t.Helper()
	var blocks []int
	n := 0
	for _, p := range c.Players {
		blocks = append(blocks, len(p))
		n += len(p)
	}
	var losses []*RatPoly
	for _, l := range c.Losses {
		losses = append(losses, l.rat(t, n))
	}
	g, err := NewRatPolynomial(blocks, losses)
	if err != nil {
		t.Fatal(err)
	}
	w := RatWeight{Mean: polyRats(t, c.Mean)}
	if list, ok := c.Var.([]any); ok {
		for _, v := range list {
			w.Var = append(w.Var, polyRat(t, v.(string)))
		}
	} else {
		w.Jet = true
	}
	return g, w
}

func (w RatWeight) float() Weight {
	f := Weight{Mean: polyFloats(w.Mean), Jet: w.Jet}
	if !w.Jet {
		f.Var = polyFloats(w.Var)
	}
	return f
}

// polyNear says whether p is want up to 1e-12 of its largest coefficient.
func polyNear(p *Poly, want *RatPoly) error {
	diff := p.Minus(want.Float())
	size := 1.0
	for _, c := range want.Float().Terms() {
		size = math.Max(size, math.Abs(c))
	}
	for e, c := range diff.Terms() {
		if math.Abs(c) > 1e-12*size {
			return fmt.Errorf("coefficient of %v off by %g: %v, want %v", e, c, p, want)
		}
	}
	return nil
}

// TestReferenceCases compares both modes with the exact decompositions of the reference.
func TestReferenceCases(t *testing.T) {
	for _, c := range polyCases(t) {
		t.Run(strings.ReplaceAll(c.Name, "/", "_"), func(t *testing.T) {
			g, w := c.game(t)
			n := len(w.Mean)
			f, err := g.Float()
			if err != nil {
				t.Fatal(err)
			}
			same := func(what string, got *RatPoly, fast *Poly, want refPoly) {
				t.Helper()
				exact := want.rat(t, n)
				if !got.Equal(exact) {
					t.Errorf("%s = %v, want %v", what, got, exact)
				}
				if err := polyNear(fast, exact); err != nil {
					t.Errorf("%s in float64: %v", what, err)
				}
			}
			games := func(what string, got *RatPolynomial, fast *Polynomial, want []refPoly) {
				t.Helper()
				for i, l := range want {
					same(fmt.Sprintf("%s[%d]", what, i), got.Loss(i), fast.Loss(i), l)
				}
			}
			value := func(what string, got *big.Rat, fast float64, want string) {
				t.Helper()
				r := polyRat(t, want)
				if got.Cmp(r) != 0 {
					t.Errorf("%s = %v, want %v", what, got, r)
				}
				if v, _ := r.Float64(); math.Abs(fast-v) > 1e-12*math.Max(1, math.Abs(v)) {
					t.Errorf("%s = %v in float64, want %v", what, fast, v)
				}
			}
			field := func(what string, g Game, want []float64) {
				t.Helper()
				got := make([]float64, n)
				g.Field(got, polyFloats(polyRats(t, c.EvalAt)))
				for k, v := range want {
					if math.Abs(got[k]-v) > 1e-12*math.Max(1, math.Abs(v)) {
						t.Errorf("%s[%d] = %v, want %v", what, k, got[k], v)
					}
				}
			}
			both := func(s Decomposition) (*RatParts, *Parts) {
				t.Helper()
				e, err := g.Decompose(s, w)
				if err != nil {
					t.Fatal(err)
				}
				p, err := f.Decompose(s, w.float())
				if err != nil {
					t.Fatal(err)
				}
				return e, p
			}
			potential := func(e *RatParts, p *Parts, want map[string]refPoly) {
				t.Helper()
				left := map[string]bool{}
				for key, b := range want {
					left[key] = len(b) > 0
				}
				fast := p.VectorPotential()
				for i, b := range e.VectorPotential() {
					key := fmt.Sprintf("%d,%d", b.I, b.J)
					same("B["+key+"]", b.B, fast[i].B, want[key])
					delete(left, key)
				}
				for key, missing := range left {
					if missing {
						t.Errorf("B[%s] is missing", key)
					}
				}
			}

			x := polyRats(t, c.EvalAt)
			field("xi", f, c.Eval.Xi)
			e, p := both(ScalarFirst)
			same("phi", e.Potential, p.Potential, c.ScalarFirst.Phi)
			games("P", e.Scalar, p.Scalar, c.ScalarFirst.P)
			games("V", e.Vector, p.Vector, c.ScalarFirst.V)
			games("N", e.NonStrategic, p.NonStrategic, c.ScalarFirst.N)
			value("energy", e.Energy.Total, p.Energy.Total, c.ScalarFirst.Total)
			value("scalar energy", e.Energy.Scalar, p.Energy.Scalar, c.ScalarFirst.Scalar)
			value("near vector energy", e.Energy.Vector, p.Energy.Vector, c.ScalarFirst.NearVector)
			value("gap", e.Gap, p.Gap, c.ScalarFirst.Gap)
			if c.ScalarFirst.B != nil {
				potential(e, p, c.ScalarFirst.B)
			}
			field("grad phi", p.Scalar, c.Eval.GradPhi)
			field("near vector field", p.Vector, c.Eval.NearVector)
			if v := p.Potential.Eval(polyFloats(x)); math.Abs(v-c.Eval.Phi) > 1e-12*math.Max(1, math.Abs(v)) {
				t.Errorf("phi = %v, want %v", v, c.Eval.Phi)
			}

			e, p = both(VectorFirst)
			same("q", e.Q, p.Q, c.VectorFirst.Q)
			games("S", e.Scalar, p.Scalar, c.VectorFirst.S)
			games("V", e.Vector, p.Vector, c.VectorFirst.V)
			value("near scalar energy", e.Energy.Scalar, p.Energy.Scalar, c.VectorFirst.NearScalar)
			value("vector energy", e.Energy.Vector, p.Energy.Vector, c.VectorFirst.Vector)
			value("gap", e.Gap, p.Gap, c.VectorFirst.Gap)
			if c.VectorFirst.B != nil {
				potential(e, p, c.VectorFirst.B)
			}
			field("near scalar field", p.Scalar, c.Eval.NearScalar)
			field("vector field", p.Vector, c.Eval.Vector)

			if c.ThreeWay == nil {
				if _, err := g.Decompose(ThreeWay, w); err == nil {
					t.Error("ThreeWay accepts unequal variances")
				}
				return
			}
			e, p = both(ThreeWay)
			same("phiF", e.Potential, p.Potential, c.ThreeWay.PhiF)
			same("h", e.HarmonicPotential, p.HarmonicPotential, c.ThreeWay.H)
		})
	}
}
