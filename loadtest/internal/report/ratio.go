package report

// Ratio compares one figure of two results of the same plan.
type Ratio struct {
	Scenario string  `json:"scenario"`
	Figure   string  `json:"figure"`
	Value    float64 `json:"value"` // server's by yardstick's
}

// Compare returns the ratios of a server's result to the yardstick's, for the figures that both have.
func Compare(server, yardstick *Result) []Ratio {
	var list []Ratio
	add := func(figure string, a, b *float64) {
		if a != nil && b != nil && *b > 0 {
			list = append(list, Ratio{server.Plan.Scenario, figure, *a / *b})
		}
	}
	if s, y := server.Traffic, yardstick.Traffic; s != nil && y != nil {
		add("cpu per message", s.CPUUsPerMessage, y.CPUUsPerMessage)
		add("cpu per delivery", s.CPUUsPerDelivery, y.CPUUsPerDelivery)
		add("deliveries per second", &s.DeliveredPerSecond, &y.DeliveredPerSecond)
		if s.LatencyMs != nil && y.LatencyMs != nil {
			add("latency p50", &s.LatencyMs.P50, &y.LatencyMs.P50)
			if s.LatencyMs.HasP99() && y.LatencyMs.HasP99() {
				add("latency p99", &s.LatencyMs.P99, &y.LatencyMs.P99)
			}
		}
	}
	if s, y := server.Idle, yardstick.Idle; s != nil && y != nil {
		add("bytes per socket", s.BytesPerSocket, y.BytesPerSocket)
		add("cpu while idle", s.HoldCPUSeconds, y.HoldCPUSeconds)
	}
	add("cpu to open", server.Opening.CPUSeconds, yardstick.Opening.CPUSeconds)
	return list
}
