"""What all resources share: fields, services, lists, import and export, the audit trail."""
