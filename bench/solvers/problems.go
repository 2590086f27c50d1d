package main

import "math"

// problem is one of the twelve of problems.hpp: y' = f(t, y), y(0) = y0, up to T.
// Gradient flows have their energy instead of f, since a user has it.
type problem struct {
	name   string
	T      float64
	y0     []float64
	f      func(d, y []float64, t float64)
	energy func(g, y []float64) float64
	stiff  bool // explicit methods are hopeless
}

func problems() []problem {
	plei := make([]float64, 28)
	copy(plei, []float64{3, 3, -1, -3, 2, -2, 2, 3, -3, 2, 0, 0, -4, 4})
	plei[19], plei[20], plei[24], plei[25] = 1.75, -1.5, -1.25, 1
	allen, heat, linear := make([]float64, 128), make([]float64, 63), make([]float64, 50)
	for i := range allen {
		x := float64(i) / 128
		allen[i] = 0.5*math.Sin(2*math.Pi*x) + 0.3*math.Cos(6*math.Pi*x)
	}
	for i := range heat {
		x := float64(i+1) / 64
		heat[i] = math.Sin(math.Pi*x) + 0.5*math.Sin(3*math.Pi*x) + 0.1*math.Sin(20*math.Pi*x)
	}
	for i := range linear {
		linear[i] = float64(i+1) / 50
	}
	return []problem{
		{name: "lotka_volterra", T: 10, y0: []float64{1, 1}, f: lotkaVolterra},
		{name: "vanderpol_mu5", T: 20, y0: []float64{2, 0}, f: vanDerPol5},
		{name: "vanderpol_stiff", T: 2, y0: []float64{2, -0.66}, f: vanDerPolStiff, stiff: true},
		{name: "brusselator", T: 20, y0: []float64{1.5, 3}, f: brusselator},
		{name: "lorenz", T: 10, y0: []float64{1, 1, 1}, f: lorenz},
		{name: "pleiades", T: 3, y0: plei, f: pleiades},
		{name: "hires", T: 321.8122, y0: []float64{1, 0, 0, 0, 0, 0, 0, 0.0057}, f: hires},
		{name: "robertson_40", T: 40, y0: []float64{1, 0, 0}, f: robertson, stiff: true},
		{name: "rosenbrock_flow", T: 5, y0: []float64{-1.2, 1}, energy: rosenbrock},
		{name: "allen_cahn", T: 2, y0: allen, energy: allenCahn},
		{name: "heat_mol", T: 0.05, y0: heat, energy: heatEnergy},
		{name: "linear_flow", T: 1, y0: linear, energy: linearFlow(), stiff: true},
	}
}

func lotkaVolterra(d, y []float64, _ float64) {
	d[0], d[1] = 1.5*y[0]-y[0]*y[1], -3*y[1]+y[0]*y[1]
}

func vanDerPol5(d, y []float64, _ float64) { d[0], d[1] = y[1], 5*(1-y[0]*y[0])*y[1]-y[0] }

func vanDerPolStiff(d, y []float64, _ float64) {
	d[0], d[1] = y[1], ((1-y[0]*y[0])*y[1]-y[0])*1e6
}

func brusselator(d, y []float64, _ float64) {
	s := y[0] * y[0] * y[1]
	d[0], d[1] = 1+s-4*y[0], 3*y[0]-s
}

func lorenz(d, y []float64, _ float64) {
	d[0], d[1], d[2] = 10*(y[1]-y[0]), y[0]*(28-y[2])-y[1], y[0]*y[1]-8.0/3*y[2]
}

func pleiades(d, y []float64, _ float64) {
	x, z := (*[7]float64)(y), (*[7]float64)(y[7:])
	copy(d[:14], y[14:28])
	for i := range 7 {
		xi, zi := x[i], z[i]
		a, b, mass := 0.0, 0.0, 0.0 // a mass counted, as float64(j+1) takes longer
		for j, xj := range x {
			mass++
			if j != i {
				dx, dz := xj-xi, z[j]-zi
				r2 := dx*dx + dz*dz
				w := mass / (r2 * math.Sqrt(r2))
				a += w * dx
				b += w * dz
			}
		}
		d[14+i], d[21+i] = a, b
	}
}

func hires(d, y []float64, _ float64) {
	d[0] = -1.71*y[0] + 0.43*y[1] + 8.32*y[2] + 0.0007
	d[1] = 1.71*y[0] - 8.75*y[1]
	d[2] = -10.03*y[2] + 0.43*y[3] + 0.035*y[4]
	d[3] = 8.32*y[1] + 1.71*y[2] - 1.12*y[3]
	d[4] = -1.745*y[4] + 0.43*y[5] + 0.43*y[6]
	d[5] = -280*y[5]*y[7] + 0.69*y[3] + 1.71*y[4] - 0.43*y[5] + 0.69*y[6]
	d[6] = 280*y[5]*y[7] - 1.81*y[6]
	d[7] = -d[6]
}

func robertson(d, y []float64, _ float64) {
	d[0] = -0.04*y[0] + 1e4*y[1]*y[2]
	d[2] = 3e7 * y[1] * y[1]
	d[1] = -d[0] - d[2]
}

// rosenbrock is E = (1-x)² + 100 (y-x²)².
func rosenbrock(g, y []float64) float64 {
	a, b := 1-y[0], y[1]-y[0]*y[0]
	if g != nil {
		g[0], g[1] = -2*a-400*y[0]*b, 200*b
	}
	return a*a + 100*b*b
}

// allenCahn is E = Σ 0.00125 n² (u_{i+1}-u_i)² + (1-u_i²)²/4, periodic.
func allenCahn(g, u []float64) float64 {
	n := len(u)
	c, e, q := 0.0025*float64(n*n), 0.0, 0.0
	left := u[n-1]
	s := u[0] - left
	for i, v := range u[1:] {
		// s and r are the differences of u_i to its neighbours.
		x := u[i]
		r, w := v-x, 1-x*x
		e += r * r
		q += w * w
		if g != nil {
			g[i] = c*(s-r) - w*x
		}
		s = r
	}
	x := u[n-1]
	r, w := u[0]-x, 1-x*x
	if g != nil {
		g[n-1] = c*(s-r) - w*x
	}
	return c/2*(e+r*r) + (q+w*w)/4
}

// heatEnergy is E = ½ (n+1)² Σ (u_{i+1}-u_i)², u = 0 at both ends.
func heatEnergy(g, u []float64) float64 {
	n := len(u)
	c := float64(n+1) * float64(n+1)
	s := u[0]
	e := s * s
	for i, v := range u[1:] {
		r := v - u[i]
		e += r * r
		if g != nil {
			g[i] = c * (s - r)
		}
		s = r
	}
	x := u[n-1]
	if g != nil {
		g[n-1] = c * (s + x)
	}
	return c / 2 * (e + x*x)
}

// linearFlow is E = ½ (Qx)·Λ(Qx), Λ = diag(10^(6i/49)), Q = I - 2vvᵀ, v = 1/√n.
func linearFlow() func(g, x []float64) float64 {
	lambda := make([]float64, 50)
	for i := range lambda {
		lambda[i] = math.Pow(10, 6*float64(i)/49)
	}
	y := make([]float64, 50)
	return func(g, x []float64) float64 {
		s, u, e := 0.0, 0.0, 0.0
		for _, v := range x {
			s += v
		}
		s *= 2.0 / 50
		for i, v := range x {
			y[i] = lambda[i] * (v - s)
			u += y[i]
			e += y[i] * (v - s)
		}
		u *= 2.0 / 50
		for i := range g {
			g[i] = y[i] - u
		}
		return e / 2
	}
}
