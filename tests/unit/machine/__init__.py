# Copyright (c) 2026, the lossless.restart authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet in memory on which many controllers roll at once, and everything may go wrong between any two of their steps.

`schedule.play(data)` turns bytes into one such story and raises `judge.Violation` where a promise was broken. What
decides is the collection's own code, from its actions to its fences; what it decides about (`world`), the network and
the processes (`jobs`) and the ledger's disk (`ledger`) are in memory, with one clock that only the story moves.
"""
