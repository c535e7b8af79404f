"""What every process needs to stay responsive, whatever it works on. Knows neither cluster nor orchestrator."""
