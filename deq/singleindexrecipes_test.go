package deq_test

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/gradflow/gradflow/deq"
	"github.com/gradflow/gradflow/flow"
	"github.com/gradflow/gradflow/flow/kernel"
)

type recipeState struct {
	Risk, Dist, V, W0 float64
}

// The five backward rules train the same model (paper's comparison, scaled down).
func TestBackwardComparison(t *testing.T) {
	var file struct {
		Comparison struct {
			N, D    int
			Eta     float64
			Methods map[string]map[string]recipeState
		} `json:"backward_comparison"`
	}
	loadReference(t, "recipes.json", &file)
	c := file.Comparison
	for name, path := range c.Methods {
		m, theta, teacher := peerProblem[float64](t, c.N)
		f, err := m.Field(ruleNames[name])
		if err != nil {
			t.Fatal(err)
		}
		gdPath(t, flow.Field[float64](f), theta, c.Eta, 2000, func(s *flow.Step[float64]) {
			want, ok := path[strconv.Itoa(s.K)]
			if !ok {
				return
			}
			got := recipeState{s.Energy, distance(s.X, teacher), s.X[c.D], s.X[0]}
			sameState(t, fmt.Sprintf("%s, update %d", name, s.K), got, want)
		})
	}
}

func distance(theta []float64, teacher *deq.Teacher[float64]) float64 {
	d := len(theta) - 1
	diff := append([]float64(nil), theta...)
	kernel.Axpy(-1, teacher.W, diff[:d])
	diff[d] -= teacher.V
	return kernel.Nrm2(diff)
}

func sameState(t *testing.T, what string, got, want recipeState) {
	t.Helper()
	if rel := math.Abs(got.Risk/want.Risk - 1); rel > 1e-8 {
		t.Errorf("%s: risk %v, want %v", what, got.Risk, want.Risk)
	}
	agreeAll(t, what, []float64{got.Dist, got.V}, []float64{want.Dist, want.V}, 1e-8)
	if want.W0 != 0 {
		agree(t, what+" w[0]", got.W0, want.W0, 1e-8)
	}
}

// The weak nonlinearity σ = z + ε tanh z: the smallest eigenvalue of the Hessian is of
// the order of ε², and training that slow.
func TestWeakNonlinearityRuns(t *testing.T) {
	var file struct {
		Weak struct {
			N, D int
			Eta  float64
			Runs map[string]struct {
				Min        float64 `json:"hessian_min"`
				Max        float64 `json:"hessian_max"`
				Trajectory map[string]recipeState
			}
		} `json:"weak_nonlinearity"`
	}
	loadReference(t, "recipes.json", &file)
	c := file.Weak
	x := kernel.MatrixOf(c.N, c.D, splitmix(21, c.N*c.D))
	xi, side := splitmix(22, c.D), splitmix(23, c.D)
	kernel.Scal(1/kernel.Nrm2(xi), xi)
	kernel.Axpy(-kernel.Dot(side, xi), xi, side)
	kernel.Scal(1/kernel.Nrm2(side), side)
	for key, run := range c.Runs {
		eps, err := strconv.ParseFloat(key, 64)
		if err != nil {
			t.Fatal(err)
		}
		act := deq.WeakTanh(eps)
		teacher := &deq.Teacher[float64]{W: xi, Act: act}
		target := make([]float64, c.N)
		if err := teacher.Targets(target, x); err != nil {
			t.Fatal(err)
		}
		m, err := deq.NewSingleIndex(act, x, target, deq.SingleIndexOptions{})
		if err != nil {
			t.Fatal(err)
		}
		theta := make([]float64, c.D+1)
		copy(theta, xi)
		kernel.Axpy(-0.1/math.Sqrt2, xi, theta[:c.D])
		kernel.Axpy(0.03, side, theta[:c.D])
		theta[c.D] = 0.1 / math.Sqrt2
		cert, err := m.Certify(theta, teacher, deq.Backward{})
		if err != nil {
			t.Fatal(err)
		}
		agreeAll(t, "Hessian at the teacher", []float64{cert.HessianMin, cert.HessianMax}, []float64{run.Min, run.Max}, 1e-8)
		steps := 1000
		if !testing.Short() {
			steps = 6000
		}
		gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), theta, c.Eta, steps, func(s *flow.Step[float64]) {
			if want, ok := run.Trajectory[strconv.Itoa(s.K)]; ok {
				sameState(t, fmt.Sprintf("ε = %s, update %d", key, s.K), recipeState{s.Energy, distance(s.X, teacher), s.X[c.D], 0}, want)
			}
		})
	}
}

// The population Hessian of the weak nonlinearity at the teacher, in the basis (ξ_w, v),
// by quadrature: 2 E s² u uᵀ with the slopes of WeakTanh.
func TestWeakNonlinearityPopulation(t *testing.T) {
	var file struct {
		C0   float64
		Rows []struct {
			Eps       float64
			Parallel  [][]float64 `json:"H_parallel"`
			Perp      float64     `json:"H_perp"`
			LambdaMin float64     `json:"lambda_min"`
			LambdaMax float64     `json:"lambda_max"`
		}
	}
	loadReference(t, "weak_nonlinearity.json", &file)
	for _, row := range file.Rows {
		act := deq.WeakTanh(row.Eps)
		// The trapezoidal rule converges faster than any power of h here.
		var a, b, c, perp float64
		const h = 0.01
		for z := -12.0; z <= 12; z += h {
			w := 2 * h * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
			s, y := act.D(z), act.F(z)
			a, b, c, perp = a+w*s*s*z*z, b+w*s*s*z*y, c+w*s*s*y*y, perp+w*s*s
		}
		agreeAll(t, "H_parallel", []float64{a, b, b, c}, flat[float64](row.Parallel), 1e-12)
		agree(t, "H_perp", perp, row.Perp, 1e-12)
		mean, radius := (a+c)/2, math.Hypot((a-c)/2, b)
		agree(t, "λ_max", mean+radius, row.LambdaMax, 1e-12)
		agree(t, "λ_min", (a*c-b*b)/(mean+radius), row.LambdaMin, 1e-12)
	}
}

// Implicit model against the explicit one, five activations.
func TestImplicitExplicit(t *testing.T) {
	var file struct {
		Compare struct {
			Runs map[string]struct {
				Implicit map[string]struct {
					Theta []float64
					Risk  float64
				}
				Explicit map[string]struct{ Theta, Risk float64 }
			}
		} `json:"implicit_vs_explicit"`
	}
	loadReference(t, "recipes.json", &file)
	const n = 1000
	x := kernel.NewMatrix[float64](n, 1)
	for i := range x.Data {
		x.Data[i] = math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/n-1)
	}
	for name, run := range file.Compare.Runs {
		act, ok := activations()[name]
		if !ok {
			t.Fatalf("no activation %q", name)
		}
		teacher := &deq.Teacher[float64]{W: []float64{2}, Act: act}
		target := make([]float64, n)
		if err := teacher.Targets(target, x); err != nil {
			t.Fatal(err)
		}
		for _, frozen := range []bool{false, true} {
			m, err := deq.NewSingleIndex(act, x, target, deq.SingleIndexOptions{Frozen: frozen})
			if err != nil {
				t.Fatal(err)
			}
			gdPath(t, flow.Field[float64](flow.GradientFlow[float64](m)), []float64{-0.1, 0}, 0.1, 400, func(s *flow.Step[float64]) {
				what, k := fmt.Sprintf("%s, frozen %t, update %d", name, frozen, s.K), strconv.Itoa(s.K)
				if want, ok := run.Explicit[k]; ok && frozen {
					agreeAll(t, what, s.X, []float64{want.Theta, 0}, 1e-8)
					agree(t, what+" risk", s.Energy, want.Risk, 1e-8)
				}
				if want, ok := run.Implicit[k]; ok && !frozen {
					agreeAll(t, what, s.X, want.Theta, 1e-8)
					agree(t, what+" risk", s.Energy, want.Risk, 1e-8)
				}
			})
		}
	}
}
