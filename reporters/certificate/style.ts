// SPDX-License-Identifier: GPL-2.0-only
import { style as common } from '../coverage/style.ts';

/** The certificate's style sheet: the coverage report's, and a first page that is one sheet of paper. */
export const style = `${common}
header h1 { margin-bottom: .1rem; }
.outcome { font-size: 1.15rem; font-weight: 600; margin: .5rem 0; }
.remarks { margin: .5rem 0; padding: .4rem .4rem .4rem 1.6rem; }
.clauses { margin-top: 1rem; }
.clauses td, .clauses th { padding: .3rem .6rem; }
.clauses .id { width: 8rem; white-space: nowrap; } .clauses .verdict { width: 8.5rem; } .clauses .waiver { width: 13rem; }
.met { color: var(--soft); font-size: .86rem; }
.part { display: inline-block; white-space: nowrap; margin-right: .5rem; }
.waived { background: var(--unresolved); color: var(--unresolved-text); border-radius: 5px; padding: .05rem .4rem; }
.files td { font-size: .82rem; } .files code { overflow-wrap: anywhere; }
@media screen and (max-width: 46rem) { .clauses .id { white-space: normal; } }
@page { size: A4; margin: 12mm; }
@media print {
  :root { color-scheme: light; }
  html { font-size: 9.5pt; }
  main, header { max-width: none; padding: 0; }
  header { break-after: page; }
  header h1 { font-size: 14pt; }
  .eyebrow { margin-top: 0; }
  .card { border: 0; padding: 0 0 0 .6rem; border-radius: 0; }
  .facts { grid-template-columns: repeat(3, 1fr); gap: .15rem 1.2rem; margin: .3rem 0 0; font-size: 8pt; line-height: 1.35; }
  .remarks { font-size: 8pt; line-height: 1.3; }
  .tiles { gap: .15rem; margin: 0; }
  .outcome, p, .remarks { margin: .25rem 0; }
  .clauses { font-size: 7.5pt; line-height: 1.25; margin-top: .3rem; }
  .clauses td, .clauses th { padding: .05rem .3rem; }
  .clauses caption { padding: 0; font-size: 7pt; }
  .clauses .id { width: 5.8rem; } .clauses .verdict { width: 6.2rem; } .clauses .waiver { width: 9.5rem; }
  .part { margin-right: .25rem; }
  .met { font-size: 6.8pt; }
  .badge, .tag, .waived { border: 1px solid #888; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  header .badge { font-size: 6.5pt; padding: 0 .2rem; } header .tag { padding: 0 .15rem; }
  a { color: inherit; text-decoration: none; }
  tr, dl, summary, h2, h3 { break-inside: avoid; } h2, h3, summary { break-after: avoid; }
  .screen { display: none; }
}
`;
