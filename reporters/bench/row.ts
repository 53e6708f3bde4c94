// SPDX-License-Identifier: GPL-2.0-only

const firstColumn = 26;
const column = 14;

/** A line of a table: a label, and cells below each other. */
export function row(label: string, cells: readonly string[], labelWidth = firstColumn): string {
  return (label.padEnd(labelWidth) + cells.map((text) => text.padStart(column)).join('')).trimEnd();
}

/** `1,000,000` */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A unit, where a title begins with it. */
export function capital(text: string): string {
  return text === 'ns' ? 'Nanoseconds' : text.charAt(0).toUpperCase() + text.slice(1);
}
