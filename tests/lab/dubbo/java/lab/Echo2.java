// Copyright (c) 2026, the lossless.restart authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
package lab;

/** A second interface, to be served beside the first with a group and a version. */
public interface Echo2 extends Echo {}
