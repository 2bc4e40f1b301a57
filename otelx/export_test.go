package otelx

// What the tests of the tables see of them.
type (
	AttributeRow struct{ Key, Kind, Unit, On, Description string }
	MetricRow    struct {
		Name, Unit, Kind, Description string
		Boundaries                    []float64
		Attributes                    []string
	}
)

func AttributeRows() (rows []AttributeRow) {
	for _, r := range attributeTable {
		rows = append(rows, AttributeRow{r.key, r.kind, r.unit, r.on, r.description})
	}
	return rows
}

func MetricRows() (rows []MetricRow) {
	for _, r := range metricTable {
		row := MetricRow{Name: r.name, Unit: r.unit, Kind: r.of(new(Meter)).kind(), Description: r.description, Boundaries: r.boundaries}
		for _, k := range r.attributes {
			row.Attributes = append(row.Attributes, string(k))
		}
		rows = append(rows, row)
	}
	return rows
}

const MaxSets, Others, Unnamed = maxSets, others, unnamed

// Depth is how many segments the track's past has.
func Depth(t *Track) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := t.pastLocked(); c != nil; c = c.before {
		n++
	}
	return n
}

// Shapes is how many shapes of spans a tracer keeps.
func Shapes(t *Tracer) int { return len(*t.shapes.Load()) }
