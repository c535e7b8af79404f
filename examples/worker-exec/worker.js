#!/usr/bin/env node
// worker.js

const fs = require('fs');

// Read task from stdin
let input = '';
process.stdin.on('data', chunk => input += chunk);
process.stdin.on('end', () => {
  const task = JSON.parse(input);
  const name = task.inputData?.name || 'World';

  const result = {
    status: 'COMPLETED',
    output: {
      message: `Hello ${name}`
    },
    logs: [`Processed greeting for ${name}`]
  };

  console.log(JSON.stringify(result));
});
