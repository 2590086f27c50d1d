package main

// gameGroups are the parts of the paper on games, in the order of the report.
var gameGroups = []func(job) ([]claim, []figure){
	newSmoothGames,
	newFinite,
	newDynamics,
}

func newGame(j job) *paper {
	p := &paper{
		name:  "game",
		title: "On the decomposition of differential game",
		cite:  "Zhou, Dong, Li, Wang, arXiv 2411.03802",
		url:   "https://arxiv.org/abs/2411.03802",
		about: "A differential game splits into a scalar potential game, a vector potential game and a part without strategic content, one of the first two being exact, the other near. " +
			"In scalar potential games gradient descent finds Nash points; in vector potential games its flow preserves volume, and it diverges or recurs. " +
			"Of the paper its statements are used; the construction, a Gaussian-weighted Hodge decomposition in their sense, is ours and documented in package game.",
	}
	for _, group := range gameGroups {
		claims, figures := group(j)
		p.claims, p.figures = append(p.claims, claims...), append(p.figures, figures...)
	}
	return p
}
