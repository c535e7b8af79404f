package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

type Task struct {
	InputData map[string]interface{} `json:"inputData"`
}

type Result struct {
	Status string                 `json:"status"`
	Output map[string]interface{} `json:"output"`
	Logs   []string               `json:"logs"`
}

func main() {
	// Read task from stdin
	input, _ := io.ReadAll(os.Stdin)
	var task Task
	json.Unmarshal(input, &task)

	// Get name from input
	name := "World"
	if n, ok := task.InputData["name"].(string); ok {
		name = n
	}

	// Create result
	result := Result{
		Status: "COMPLETED",
		Output: map[string]interface{}{
			"message": fmt.Sprintf("Hello %s", name),
		},
		Logs: []string{fmt.Sprintf("Processed greeting for %s", name)},
	}

	// Output result
	json.NewEncoder(os.Stdout).Encode(result)
}
