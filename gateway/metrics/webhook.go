package metrics

import (
	"slices"

	"starling/gateway/webhook"
)

// webhookTable are the figures of the calls to the backend.
var webhookTable = table[webhook.Stats]{
	counters(
		"webhook_calls_total", "Calls to the backend that are over, those that were refused before anything was sent among them.",
		[]string{"kind", "outcome"}, func(s webhook.Stats, emit emit) {
			for _, c := range s.Calls {
				emit(float64(c.Count), c.Kind, c.Outcome)
			}
		},
	),
	gauge("webhook_calls_in_flight", "Calls that wait for the backend.", func(s webhook.Stats) float64 {
		return float64(s.InFlight)
	}),
	counter("webhook_retries_total", "Batches and calls that were sent again.", func(s webhook.Stats) float64 {
		return float64(s.Retried)
	}),
	gauges(
		"webhook_unavailable", "Whether calls fail at once, because the backend did not answer such ones (1), or are made (0).",
		[]string{"kind"}, func(s webhook.Stats, emit emit) {
			for _, kind := range []string{webhook.KindConnect, webhook.KindJoin, webhook.KindEvent} {
				emit(boolean(slices.Contains(s.Unavailable, kind)), kind)
			}
		},
	),
	counter("webhook_pauses_total", "Times that calls began, or went on, to fail at once.", func(s webhook.Stats) float64 {
		return float64(s.Pauses)
	}),
	counter("webhook_notifications_total", "Notifications for the backend that there were.", func(s webhook.Stats) float64 {
		return float64(s.Notified)
	}),
	counter("webhook_notifications_sent_total", "Notifications that the backend has taken.", func(s webhook.Stats) float64 {
		return float64(s.Sent)
	}),
	counters(
		"webhook_notifications_dropped_total", "Notifications that the backend will not get, by why.",
		[]string{"cause"}, func(s webhook.Stats, emit emit) {
			emit(float64(s.Dropped.Full), "full")
			emit(float64(s.Dropped.GaveUp), "gave_up")
			emit(float64(s.Dropped.Refused), "refused")
			emit(float64(s.Dropped.Closed), "closed")
		},
	),
	gauge("webhook_queue_notifications", "Notifications that wait, those on their way included.", func(s webhook.Stats) float64 {
		return float64(s.Waiting)
	}),
	gauge("webhook_queue_bytes", "Memory that waiting notifications hold, about.", func(s webhook.Stats) float64 {
		return float64(s.WaitingBytes)
	}),
	gauge("webhook_queue_lag_seconds", "How long the first of the waiting notifications has been waiting.", func(s webhook.Stats) float64 {
		return s.Lag.Seconds()
	}),
}
