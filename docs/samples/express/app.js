// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// An application that goes out properly: Express. Arguments: the address and the port.
const express = require("express");

const [address, port] = process.argv.slice(2);
const state = { accepting: true, in_flight: 0 };
const app = express();

// Each request counts until its answer has been sent, those to /internal/ not.
app.use((request, response, next) => {
  if (!request.path.startsWith("/internal/")) {
    state.in_flight += 1;
    response.once("close", () => (state.in_flight -= 1));
  }
  next();
});

// Whoever looks sends work only while this answers 200.
app.get("/internal/ready", (request, response) => {
  response.status(state.accepting ? 200 : 503).json({ accepting: state.accepting });
});

app.get("/internal/status", (request, response) => response.json(state));

// Take no new work: those who look stop sending. What comes until they have looked is still served.
app.post("/internal/prepare-shutdown", (request, response) => {
  state.accepting = false;
  // A consumer of messages leaves its group here, and counts what it has in hand in in_flight.
  response.json(state);
});

// It was not restarted after all.
app.post("/internal/resume", (request, response) => {
  state.accepting = true;
  response.json(state);
});

// Its work.
app.post("/serve/:milliseconds", (request, response) => {
  setTimeout(() => response.json({ pid: process.pid }), Number(request.params.milliseconds));
});

app.listen(Number(port), address);
