// Package descent holds discrete descent dynamics as integrators of package flow:
// gradient descent, the heavy ball and Nesterov's method.
//
// Gradient descent is the explicit Euler method on the gradient flow; its
// learning rate η is the step, its time is Σ η. The methods therefore take a
// field f, for minimisation that of flow.GradientFlow(E), f = -∇E, for a game the
// simultaneous gradient with its sign turned, and are run by flow.New with every
// controller, event, recorder and stop rule of the loop:
//
//	gradient descent   x ← x + η f(x)
//	heavy ball         v ← β v + η f(x),            x ← x + v
//	Nesterov           v ← β_k v + η f(x + β_k v),  x ← x + v
//
// On a quadratic λx²/2 they are stable for
//
//	gradient descent   ηλ < 2
//	heavy ball         ηλ < 2 (1+β)
//	Nesterov           ηλ < 2 (1+β)/(1+2β)
//
// A run that diverges at its learning rate ends with the status flow.Diverged
// and its last finite state; that is a result, not an error.
//
// The learning rate is a flow.Controller: flow.Fixed{H: η}, or Armijo, which
// finds it by backtracking. The momentum methods keep the physical time Σ η too;
// their natural time is kη/(1-β).
//
// The energy of a flow.EnergyField is evaluated with f, at no extra cost, so that
// every flow.Step shows it. Two cases would cost more, and show NaN unless
// flow.Options.Energy asks: Nesterov's method, which evaluates f elsewhere than at
// x, and mini-batches, where each step has an energy of its own. Mini-batches are
// drawn by step number (flow.Caps.Draw): a repeated or resumed step sees the same.
package descent
