-- What contains devices, without reading the whole log (`audit::receipts`).
CREATE INDEX audit_receipts ON audit (seq) WHERE action GLOB 'enforce-*' OR action GLOB 'gateway-*';
