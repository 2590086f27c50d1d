package deq

// chooseAuto takes the first solver of Auto.
func (ws *SolveSpace[T]) chooseAuto() {
	if m, ok := ws.f.(splitting[T]); ok {
		ws.method = byPeacemanRachford
		if ws.split.begin(m, 0, true, ws) == nil {
			return
		}
	}
	if ws.hint <= autoContract {
		ws.method = byPicard
		return
	}
	ws.method = byAnderson
	ws.anderson.begin(Anderson{}, ws.batch, ws.n)
}

// reconsider goes over to NewtonKrylov when a sample makes no progress.
func (ws *SolveSpace[T]) reconsider() {
	if ws.method == byKrylov {
		return
	}
	for _, r := range ws.rows {
		if ws.stats.Evals-ws.stats.Samples[r].since < autoEvals {
			continue
		}
		ws.method = byKrylov
		ws.newton.begin(ws.f, ws.batch, ws.n)
		ws.newton.gmres.begin(NewtonKrylov{}, ws.batch, ws.n)
		return
	}
}
