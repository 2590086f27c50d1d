package flow

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// newCollocation computes a method from its nodes.
func newCollocation(name string, order int, stiff bool, c ...float64) *collocation {
	s := len(c)
	m := &collocation{name: name, order: order, stiff: stiff, c: c, b: make([]float64, s)}
	// The integrals of the powers, ∫_0^x τ^q = x^(q+1)/(q+1), are those of the
	// Lagrange polynomials through the powers of the nodes: A V = P, bᵀ V = pᵀ.
	v, p := mat.NewDense(s, s, nil), mat.NewDense(s+1, s, nil)
	for i, x := range append(append([]float64{}, c...), 1) {
		for q := range s {
			p.Set(i, q, math.Pow(x, float64(q+1))/float64(q+1))
			if i < s {
				v.Set(i, q, math.Pow(x, float64(q)))
			}
		}
	}
	var ab, inv mat.Dense
	must(ab.Solve(v.T(), p.T()))
	for i := range s {
		m.a = append(m.a, mat.Col(nil, i, &ab))
	}
	copy(m.b, mat.Col(nil, s, &ab))
	must(inv.Inverse(ab.Slice(0, s, 0, s).T()))
	for i := range s {
		m.inv = append(m.inv, mat.Row(nil, i, &inv))
	}
	m.spec = newStageSpectrum(&inv)
	m.d = weightsOf(m.b, m.inv)
	if stiff {
		clear(m.d)
		m.d[s-1] = 1
		m.e = m.embedded(v)
	}
	return m
}

// embedded returns e with γ(ŷ - y) = h f(t, x) + Σ e_i z_i, where ŷ = x + h f(t, x)/γ
// + h Σ b̂_i k_i has order s.
func (m *collocation) embedded(v *mat.Dense) []float64 {
	s := len(m.c)
	g, rhs := m.spec.gamma, mat.NewVecDense(s, nil)
	for q := range s {
		rhs.SetVec(q, 1/float64(q+1))
	}
	rhs.SetVec(0, 1-1/g)
	var bhat mat.VecDense
	must(bhat.SolveVec(v.T(), rhs))
	for i, b := range m.b {
		bhat.SetVec(i, g*(bhat.AtVec(i)-b))
	}
	return weightsOf(bhat.RawVector().Data, m.inv)
}

// weightsOf returns e with Σ b_i h k_i = Σ e_i z_i.
func weightsOf(b []float64, inv [][]float64) []float64 {
	e := make([]float64, len(b))
	for i, row := range inv {
		for j, v := range row {
			e[j] += b[i] * v
		}
	}
	return e
}

func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("flow: table of a collocation method: %v", err))
	}
}

// stageSpectrum is the real block diagonal form of A⁻¹,
//
//	T⁻¹ A⁻¹ T = diag(γ if there is a real eigenvalue, then for each pair α ± iβ the
//	block with rows (α, β) and (-β, α)).
type stageSpectrum struct {
	gamma  float64 // 0: no real eigenvalue
	pairs  []complex128
	t, inv [][]float64
}

// newStageSpectrum takes the matrices of the methods here, with one real eigenvalue
// at most.
func newStageSpectrum(a *mat.Dense) (sp stageSpectrum) {
	s, _ := a.Dims()
	var eig mat.Eigen
	if !eig.Factorize(a, mat.EigenRight) {
		panic("flow: table of a collocation method: no eigenvalues")
	}
	var vec mat.CDense
	eig.VectorsTo(&vec)
	t := mat.NewDense(s, s, nil)
	col := s % 2
	for k, l := range eig.Values(nil) {
		switch {
		case imag(l) == 0:
			sp.gamma = real(l)
			for i := range s {
				t.Set(i, 0, real(vec.At(i, k)))
			}
		case imag(l) > 0:
			sp.pairs = append(sp.pairs, l)
			for i := range s {
				t.Set(i, col, real(vec.At(i, k)))
				t.Set(i, col+1, imag(vec.At(i, k)))
			}
			col += 2
		}
	}
	var inv mat.Dense
	must(inv.Inverse(t))
	for i := range s {
		sp.t = append(sp.t, mat.Row(nil, i, t))
		sp.inv = append(sp.inv, mat.Row(nil, i, &inv))
	}
	return sp
}
