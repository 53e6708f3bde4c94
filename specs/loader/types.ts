// SPDX-License-Identifier: GPL-2.0-only

export type Priority = 'P1' | 'P2' | 'P3';
export type Standing = 'normative' | 'historic' | 'reconstructed' | 'decided';
export type Certainty = 'stated' | 'deduced' | 'decided';
export type Verification = 'test' | 'analysis' | 'inspection';
export type Binding = 'aem' | 'native';

/** Where a requirement comes from. */
export interface RequirementSource {
  /** One of the names in its file's `document.references`. */
  readonly document: string;
  readonly part: string;
  readonly certainty: Certainty;
}

/** A figure that tests read from the requirement, in `unit`. */
export interface Limit {
  readonly value: number;
  readonly unit: string;
}

/** The head of a requirement file. */
export interface SpecDocument {
  readonly title: string;
  readonly source: string;
  readonly summary?: string;
  /** The module of its requirements, where they do not name another. */
  readonly module: string;
  readonly references: Readonly<Record<string, string>>;
}

/** A requirement as its file has it. */
export interface RequirementEntry {
  readonly id: string;
  readonly title: string;
  readonly source: RequirementSource;
  readonly parents: readonly string[];
  readonly priority: Priority;
  readonly standing?: Standing;
  /** One sentence with one "shall". */
  readonly statement: string;
  readonly verification: Verification;
  readonly bindings: readonly Binding[];
  readonly limits?: Readonly<Record<string, Limit>>;
  readonly mandatory?: boolean;
  readonly module?: string;
  /** How an ambiguous source is read here. */
  readonly reading?: string;
  readonly notes?: string;
  readonly status?: 'active' | 'retired';
}

/** A file that conforms to specs/schema/requirement.schema.json. */
export interface SpecFile {
  readonly document: SpecDocument;
  readonly requirements: readonly RequirementEntry[];
}

/** A requirement with all that is derived, and its place in the specs. */
export interface Requirement extends Omit<RequirementEntry, 'status'> {
  readonly limits: Readonly<Record<string, Limit>>;
  /** As given; else true for a requirement verified by test that has no children. */
  readonly mandatory: boolean;
  readonly module: string;
  /** Ids of the requirements that name it as a parent, in order. */
  readonly children: readonly string[];
  /** See fingerprint(). */
  readonly fingerprint: string;
  /** From the project's root; absolute for a file outside of it. */
  readonly file: string;
  /** From 1: where its entry starts. */
  readonly line: number;
}

export interface RequirementSet {
  /** By path of the file, then in the file's order; retired ones are left out. */
  readonly requirements: readonly Requirement[];
  readonly byId: ReadonlyMap<string, Requirement>;
  /** Ids that are retired, each with the place of its entry, file:line. */
  readonly retired: ReadonlyMap<string, string>;
  /** The files read, in order. */
  readonly files: readonly string[];
}
