package game

import "math"

// ABC is the game of three scalar players whose field is the flow of Arnold, Beltrami
// and Childress (Dombre et al., J. Fluid Mech. 167 (1986) 353),
//
//	ξ = (A sin z + C cos y, B sin x + A cos z, C sin y + B cos x),
//
// with the losses l_1 = ξ_1 x, l_2 = ξ_2 y, l_3 = ξ_3 z: every loss is linear in the own
// coordinate, the field has no divergence and its streamlines are chaotic in parts.
type ABC struct {
	*analytic
	a, b, c float64
}

// NewABC returns the game. Error: ErrNotFinite.
func NewABC(a, b, c float64) (*ABC, error) {
	if err := checkPoint("(A, B, C)", []float64{a, b, c}, 3); err != nil {
		return nil, err
	}
	amp := [3]float64{a, b, c}
	derive := func(s *analytic, x []float64, order int) {
		// ξ_i = p sin x_k + q cos x_l with (k, l) = (z, y), (x, z), (y, x).
		for i := range 3 {
			k, l := (i+2)%3, (i+1)%3
			p, q := amp[i], amp[(i+2)%3]
			sk, ck := math.Sincos(x[k])
			sl, cl := math.Sincos(x[l])
			xi := p*sk + q*cl
			s.loss[i] = xi * x[i]
			if order < gradOrder {
				continue
			}
			g := s.grad.Row(i)
			g[i], g[k], g[l] = xi, p*ck*x[i], -q*sl*x[i]
			if order < hessOrder {
				continue
			}
			h := s.hess[i]
			clear(h.Data)
			h.Set(i, k, p*ck)
			h.Set(k, i, p*ck)
			h.Set(i, l, -q*sl)
			h.Set(l, i, -q*sl)
			h.Set(k, k, -p*sk*x[i])
			h.Set(l, l, -q*cl*x[i])
		}
	}
	return &ABC{newAnalytic([]int{1, 1, 1}, derive), a, b, c}, nil
}

// Clone implements Cloner.
func (g *ABC) Clone() Game {
	c, _ := NewABC(g.a, g.b, g.c)
	return c
}

// VectorPotential returns the vector potential of ξ = Σ_j ∂_j B_ij for VolumePreserving. The
// field is its own curl, so that B_12 = ξ_3, B_13 = -ξ_2, B_23 = ξ_1.
func (g *ABC) VectorPotential() []Pair {
	// c cos x_i + s sin x_j, with the sign of the pair
	waves := func(i, j int, c, s float64) Pair {
		return Pair{I: i, J: j, Derivs: func(x []float64) PairDerivs {
			si, ci := math.Sincos(x[i])
			sj, cj := math.Sincos(x[j])
			return PairDerivs{I: -c * si, J: s * cj, II: -c * ci, JJ: -s * sj}
		}}
	}
	return []Pair{
		waves(0, 1, g.b, g.c),
		{I: 0, J: 2, Derivs: func(x []float64) PairDerivs {
			si, ci := math.Sincos(x[0])
			sj, cj := math.Sincos(x[2])
			return PairDerivs{I: -g.b * ci, J: g.a * sj, II: g.b * si, JJ: g.a * cj}
		}},
		waves(1, 2, g.c, g.a),
	}
}
