// Package gradflow is the map of a library for gradient-descent dynamics: it
// simulates how training moves, measures it, and checks theorems against it. The
// packages are independent of one another and built on one core; import the one
// that answers the question.
//
//	How do I run a gradient flow, an ODE, a map?     flow
//	… gradient descent, momentum, a line search?     flow/descent
//	… a stochastic differential equation?            flow/sde
//	How sharp is the loss, how fast does it fall?    flow/probe
//	Dot products to matrix products, float32 too?    flow/kernel
//	What happens above the learning rate 2/λ?        catapult
//	How do equilibrium models train?                 deq
//	Which part of a game is a potential game?        game
//	What does the natural gradient do?               infogeo
//
// The core, package flow, takes a model as a vector field or as an energy with
// its gradient, and runs it by one loop that all methods share:
//
//	bowl := flow.EnergyFunc(2, func(grad, x []float64) float64 { ... })
//	sol, err := flow.Solve(ctx, flow.GradientFlow(bowl), x0, flow.Options[float64]{T1: 10})
//
// Package catapult holds the models of Lewkowycz, Bahri, Dyer, Sohl-Dickstein and
// Gur-Ari, "The large learning rate phase of deep learning: the catapult
// mechanism", arXiv 2003.02218; package deq those of Dandapanthula and Ramdas,
// arXiv 2511.16976; package game decomposes games in the sense of Zhou, Dong, Li and
// Wang, arXiv 2411.03802; package infogeo measures the claims of Datar and Ay,
// arXiv 2504.19259, on natural gradients.
//
// The program in examples/reproduce measures the claims of the papers and draws
// their figures:
//
//	go run ./examples/reproduce
package gradflow
