"""What others see of calls: spans, metrics and lines of a log, in the words of OpenTelemetry."""
