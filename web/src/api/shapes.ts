export type Role = "viewer" | "clinical" | "analyst" | "admin";
export type Severity = "low" | "medium" | "high" | "critical";
export type State = "new" | "acknowledged" | "false-positive" | "resolved";
export interface SessionRow { user: number; name: string; role: Role; password: boolean; csrf?: string | null; expires?: string | null }
export interface PeerRow { ip: string; port?: number | null; transport: string; where: string }
export interface FindingRow {
  id: string; rule: string; title: string; severity: Severity; certainty: string; asset: string; peer?: PeerRow | null;
  first: string; last: string; count: number; state: State; state_at: string; state_by: string; note?: string | null;
  resolved_through?: string | null; reopened: number; suppressed: boolean;
  suppression?: { until: string; by: string; reason: string } | null;
}
export interface FindingCounts { new: number; acknowledged: number; suppressed: number; false_positive: number; resolved: number }
export interface FindingPage { findings: FindingRow[]; next?: string | null; tally: FindingCounts; assets: Record<string, string> }
export interface FindingInFull extends FindingRow {
  why: string; fix: string; details: Record<string, unknown>; attack: string[]; advisories: string[]; cves: string[];
  evidence: { capture: string; sha256: string; frame: number }[];
  history: { seq: number; at: string; by: string; action: string; detail: unknown }[];
}
export interface AssetRow {
  id: string; class?: string | null; medical: boolean; maker?: string | null; model?: string | null; firmware?: string | null;
  serial?: string | null; confidence: number; profile?: string | null; addresses: string[]; first: string; last: string; open_findings: number;
}
export interface AssetPage { assets: AssetRow[]; next?: string | null; tally: { medical: number; other: number } }
export interface ConversationRow {
  ip: string; port?: number | null; transport: string; where: string; protocol?: string | null; direction: string;
  flows: number; frames: number; bytes_out: number; bytes_in: number; first: string; last: string;
}
export interface AssetInFull extends AssetRow {
  aliases: string[]; signs: { sign: string; value: string; weight: number }[];
  exposures: { advisory: string; cve: string; cvss: number; kev: boolean; status: string }[];
  traits: { trait: string; value: string; first: string; last: string }[];
  conversations: ConversationRow[]; findings: FindingRow[]; has_vitals: boolean;
}
export interface Overview {
  version: string; assets: { medical: number; other: number }; findings: FindingCounts;
  open: Record<Severity, number>; worst: FindingRow[]; worst_assets: Record<string, string>; changes: number; since: Since;
}
export interface UserRow {
  id: number; name: string; role: Role; password: boolean; issuer?: string | null; created: string; created_by: string;
  disabled?: string | null; seen?: string | null;
}
export interface TokenRow {
  id: number; name: string; role: Role; user: number; user_name: string; created: string; expires?: string | null; used?: string | null;
}
export interface CaptureRow {
  id: number; name: string; sha256: string; frames: number; bytes: number; first?: string | null; last?: string | null; faults: number;
  imported: string; by: string; version: string;
}
export interface CapturePage { captures: CaptureRow[]; next?: number | null }
export interface ScanRow {
  id: number; name: string; by: string; at: string; stage: "receiving" | "waiting" | "reading" | "keeping" | "done" | "failed";
  bytes?: number | null; bytes_total?: number | null; frames?: number | null; why?: string | null;
  result?: { meeting: string; new: number; grown: number; reopened: number; assets_new: number } | null;
}
export interface ScanList { scans: ScanRow[] }
export interface EntryRow { seq: number; at: string; at_ns: number; by: string; action: string; subject: string; detail: string; previous: string; hash: string }
export interface AuditPage { entries: EntryRow[]; next?: number | null }
export interface Verification { whole: boolean; entries: number; hash: string; broken?: { seq: number; what: string } | null }
export interface KeepDays { vitals?: number | null; trends?: number | null; conversations?: number | null; asset_history?: number | null; closed_findings?: number | null }
export interface SettingsRow { site_name: string; keep_days: KeepDays }
export interface UserPage { users: UserRow[]; next?: number | null }
export interface TokenPage { tokens: TokenRow[]; next?: number | null }
export interface TokenMade extends TokenRow { secret: string }
export interface TalkRow extends ConversationRow { asset: string }
export interface ConversationPage { conversations: TalkRow[]; next?: string | null }
export interface Since { from: string; imports: number; findings_new: number; findings_reopened: number; decisions: number }
export interface MapZone { id: string; name: string; assets: number; medical: number; open_findings: number }
export interface MapPeer { id: string; name: string; where: string; addresses: number }
export interface MapLink { zone: string; peer: string; assets: number; flows: number; bytes_out: number; bytes_in: number; first: string; last: string }
export interface MapAnswer { zones: MapZone[]; peers: MapPeer[]; links: MapLink[]; first?: string | null; last?: string | null; left_out: number }
export interface ContainedRow {
  asset: string; seen: boolean; what: string; addresses: string[]; standing: "broken" | "ended" | "not-contained" | "contained"; words: string;
  since?: string | null; proof?: { at: string; what: string } | null;
  policies: { policy: string; name: string; since: string; by: string; until?: string | null }[];
  broken_by: { finding: string; rule: string; title: string; first: string; last: string; count: number; state: string }[];
}
export interface ContainmentList { made: string; log_whole: boolean; devices: ContainedRow[]; left_out: number; any_policy: boolean }
export interface SensorRow {
  name: string; period: string; at: string; silent_seconds: number; ended?: string | null; standing?: string | null; up_seconds?: number | null;
  frames?: number | null; bytes?: number | null; frames_lost?: number | null; interface_overrun?: number | null; backlog_dropped?: number | null;
  lag_seconds?: number | null; flows?: number | null; resident_bytes?: number | null; cpu_seconds?: number | null; evidence_bytes?: number | null;
  evidence_seconds?: number | null; evidence_frames_lost?: number | null; blind_spots: string[];
}
export interface Stretch { offset: number; bytes: number }
export interface FrameRow {
  capture: string; frame: number; time: string; bytes: number; original_bytes: number; data: string; concealed: Stretch[];
  layers: { name: string; offset: number; bytes: number; fields: { name: string; offset: number; bytes: number; value: string }[] }[];
  units: {
    protocol: string; offset: number; bytes: number; begins: boolean;
    fields: { name: string; value?: string | null; unit?: string | null; doc: string }[];
  }[];
}
export interface FrameList { frames: FrameRow[]; more: number; elsewhere: number; gone: number; source: "captures" | "ring" }
export interface SiteRow { file?: string | null; networks: string[]; zones: { name: string; cidr: string }[]; servers: number; devices: number; policies: number }
export interface OutputRow {
  name: string; kind?: string | null; to?: string | null; route?: string | null; waiting: number; oldest?: string | null; delivered: number;
  repeated: number; refused: number; delivered_at?: string | null; failed_at?: string | null; failure?: string | null;
}
export interface OutputList { outputs: OutputRow[] }
