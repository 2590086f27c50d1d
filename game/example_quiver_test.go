package game_test

import (
	"fmt"
	"log"
	"os"

	"github.com/gradflow/gradflow/game"
)

// The play of matching pennies turns around its Nash point.
func ExampleQuiver() {
	g, err := game.ParseGame([]int{1, 1}, []string{"xy", "-xy"})
	if err != nil {
		log.Fatal(err)
	}
	play, err := game.Flow(g)
	if err != nil {
		log.Fatal(err)
	}
	q, err := game.NewQuiver(play, []float64{-2, -1, 0, 1, 2}, []float64{-1, 0, 1})
	if err != nil {
		log.Fatal(err)
	}
	if err := q.WriteText(os.Stdout); err != nil {
		log.Fatal(err)
	}
	q, err = game.NewQuiver(play, []float64{-1, 1}, []float64{0, 0.5})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println()
	if err := q.WriteCSV(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output:
	// ↙ ↙ ← ↖ ↖
	// ↓ ↓ · ↑ ↑
	// ↘ ↘ → ↗ ↗
	//
	// x0,x1,f0,f1
	// -1,0,-0,-1
	// -1,0.5,-0.5,-1
	// 1,0,-0,1
	// 1,0.5,-0.5,1
}
