package flow

import (
	"errors"
	"math"
)

// implicitCase is a run of an implicit or geometric method.
type implicitCase struct {
	name string
	it   func() Integrator[float64]
	x0   []float64
	o    Options[float64]
}

// implicitCases are runs of all implicit and geometric methods, with every kind of
// linear solver, that do not come to rest.
func implicitCases() (all []implicitCase) {
	add := func(name string, f func() Field[float64], m Method, x0 []float64, c Controller) {
		if c == nil {
			c = m.controller()
		}
		all = append(all, implicitCase{name, func() Integrator[float64] { return ODE(f(), m) }, x0, Options[float64]{Controller: c, T1: 40}})
	}
	lv := problems()["lotka_volterra"]
	ball := func() Field[float64] { return HeavyBall(EnergyFunc(2, henonHeiles[float64]), 0) }
	spring := func() Field[float64] { return HeavyBall(EnergyFunc(2, doubleWell[float64]), 0.1) }
	well := func() Field[float64] { return GradientFlow(EnergyFunc(12, wavy[float64])) }
	far, near := make([]float64, 12), make([]float64, 12)
	for i := range far {
		near[i] = math.Sin(float64(i + 1))
		far[i] = 40 * near[i]
	}
	for _, m := range []Method{Rodas4, Rodas5P, ROS23, TRBDF2, KenCarp4, SDIRK4, ImplicitEuler} {
		add(m.String()+" differences", lv.field, m, lv.y0, nil)
		add(m.String()+" Jacobian", exactNonautonomous, m, []float64{1, 0.5}, nil)
		add(m.String()+" solver of the model", func() Field[float64] { return newDamped(1e3) }, m, []float64{1, 0.5}, nil)
		add(m.String()+" energy", spring, m, []float64{0.1, 2, 0, 0}, nil)
		add(m.String()+" GMRES", lv.field, Krylov{m}, lv.y0, nil)
		add(m.String()+" band", func() Field[float64] { return advection(12, Caps[float64]{}) }, m, near, Fixed{1e-3})
		add(m.String()+" Cholesky", well, m, far, Fixed{1e-3})
		add(m.String()+" CG", well, Krylov{m}, far, Fixed{1e-3})
	}
	add("RadauIIA5 differences", lv.field, RadauIIA5, lv.y0, nil)
	add("RadauIIA5 Jacobian", exactNonautonomous, RadauIIA5, []float64{1, 0.5}, nil)
	add("RadauIIA5 energy", spring, RadauIIA5, []float64{0.1, 2, 0, 0}, nil)
	add("RadauIIA5 gradient flow", well, RadauIIA5, far, Fixed{1e-3})
	add("Gauss4", ball, Gauss4, []float64{0.1, 0.3, 0.25, -0.1}, Fixed{0.1})
	add("Gauss6", ball, Gauss6, []float64{0.1, 0.3, 0.25, -0.1}, Fixed{0.1})
	add("ImplicitMidpoint", ball, ImplicitMidpoint, []float64{0.1, 0.3, 0.25, -0.1}, Fixed{0.1})
	add("ImplicitMidpoint GMRES", ball, Krylov{ImplicitMidpoint}, []float64{0.1, 0.3, 0.25, -0.1}, Fixed{0.1})
	for name, m := range splittings {
		add(name, ball, m, []float64{0.1, 0.3, 0.25, -0.1}, Fixed{0.05})
	}
	for _, m := range []Method{Gonzalez, AVF, ItohAbe, Proximal, Krylov{Proximal}} {
		add(m.String(), well, m, far, Fixed{1e-3})
		add(m.String()+" long", well, m, far, Fixed{0.5})
	}
	return all
}

// damped is x' = y, y' = -c (y - 2 - cos x), with its own solver of I - sJ.
type damped struct {
	c          float64
	s, j10     float64
	shifts     int
	fail, lost bool // Shift, SolveShift return an error
}

func newDamped(c float64) *damped { return &damped{c: c} }

func (*damped) Dim() int { return 2 }

func (d *damped) Eval(dst, x []float64, _ float64) {
	dst[0], dst[1] = x[1], -d.c*(x[1]-2-math.Cos(x[0]))
}

func (d *damped) Caps() Caps[float64] {
	return Caps[float64]{
		Autonomous: true,
		Shift: func(x []float64, _, s float64) error {
			d.shifts++
			if d.fail {
				return errors.New("no factors")
			}
			d.s, d.j10 = s, -d.c*math.Sin(x[0])
			return nil
		},
		// I - sJ = [1, -s; -s j10, 1 + s c].
		SolveShift: func(dst, b []float64) error {
			if d.lost {
				return errors.New("no solution")
			}
			a11 := 1 + d.s*d.c
			det := a11 - d.s*d.s*d.j10
			dst[0], dst[1] = (a11*b[0]+d.s*b[1])/det, (d.s*d.j10*b[0]+b[1])/det
			return nil
		},
	}
}
