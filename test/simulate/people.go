package simulate

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// person is somebody as the provider knows them.
type person struct {
	externalID    string
	userName      string
	given, family string
	title         string
	department    string
	manager       *person
	active        bool
	there         bool   // provisioned, and not deleted
	id            string // of the server; "" where it was not learnt
}

// group is a group as the provider knows it.
type group struct {
	externalID string
	display    string
	members    map[*person]bool
	there      bool
	id         string
}

var (
	givenNames  = []string{"Ada", "Béla", "Chiara", "Dag", "Esra", "Femi", "Gül", "Hana", "Ivo", "Jane", "Kofi", "Lena", "Mia", "Noor", "Ola", "Pia", "Quinn", "Rosa", "Søren", "Tove", "Uma", "Vera", "Wim", "Xenia", "Yara", "Zoë"}
	familyNames = []string{"Abel", "Berg", "Čapek", "Doe", "Eriksson", "Fischer", "García", "Huber", "Ito", "Jansen", "Kovács", "Lund", "Moss", "Nagy", "O'Brien", "Petit", "Quispe", "Rossi", "Szabó", "Tanaka", "Ueda", "Vogt", "Wójcik", "Xu", "Yilmaz", "Zeller"}
	titles      = []string{"Analyst", "Engineer", "Lead", "Manager", "Clerk"}
	departments = []string{"Analytics", "Platform", "Sales", "HR", "Finance"}
	topics      = []string{"Engineering", "Data", "Platform Admins", "Sales", "Support", "Finance", "People", "Security", "Design", "Legal"}
)

// populate makes the people and the groups, the same ones for the same seed.
func (w *world) populate(o Options) {
	domain := o.Domain
	if domain == "" {
		domain = "corp.example"
	}
	// Two runs with different seeds meet nobody of one another.
	run := fmt.Sprintf("%04x", o.Seed&0xffff)
	for i := range o.Users {
		given, family := pick(w.random, givenNames), pick(w.random, familyNames)
		p := &person{
			externalID: externalID(w.random), userName: fmt.Sprintf("u%d.%s@%s", i+1, run, domain),
			given: given, family: family, title: pick(w.random, titles), department: pick(w.random, departments), active: true,
		}
		if i > 0 {
			p.manager = w.people[w.random.IntN(i)]
		}
		w.people = append(w.people, p)
	}
	for i := range o.Groups {
		name := topics[i%len(topics)]
		if round := i / len(topics); round > 0 {
			name = fmt.Sprintf("%s %d", name, round+1)
		}
		g := &group{externalID: externalID(w.random), display: name + " " + run, members: map[*person]bool{}}
		w.groups = append(w.groups, g)
	}
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// externalID has the form of Entra's object ids, which every product could have.
func externalID(r *rand.Rand) string {
	var b strings.Builder
	for i, n := range []int{8, 4, 4, 4, 12} {
		if i > 0 {
			b.WriteByte('-')
		}
		for range n {
			b.WriteByte("0123456789abcdef"[r.IntN(16)])
		}
	}
	return b.String()
}
