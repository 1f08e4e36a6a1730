{{- define "freehold.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "freehold.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "freehold.environment" -}}
env:
  {{- range $variable, $from := dict "FREEHOLD_DATABASE" .Values.database "FREEHOLD_PEPPER" .Values.pepper "FREEHOLD_SHARED" .Values.shared }}
  {{- if $from.secret }}
  - name: {{ $variable }}
    valueFrom:
      secretKeyRef:
        name: {{ $from.secret | quote }}
        key: {{ $from.key | quote }}
  {{- end }}
  {{- end }}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - name: FREEHOLD_CONFIG
    value: /etc/freehold/freehold.toml
{{- with .Values.envFromSecrets }}
envFrom:
  {{- range . }}
  - secretRef:
      {{- toYaml . | nindent 6 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "freehold.placement" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "freehold.pod" -}}
metadata:
  labels:
    {{- include "freehold.labels" . | nindent 4 }}
    app.kubernetes.io/component: endpoint
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Another configuration makes other pods, one after the other.
    checksum/config: {{ include "freehold.toml" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "freehold.placement" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ add .Values.shutdown.leaveSeconds .Values.shutdown.callSeconds 15 }}
  securityContext:
    {{- include "freehold.podSecurity" . | nindent 4 }}
  {{- if .Values.topologySpread }}
  topologySpreadConstraints:
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "freehold.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  containers:
    - name: freehold
      image: {{ include "freehold.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [up]
      {{- include "freehold.environment" . | nindent 6 }}
      ports:
        - {name: http, containerPort: 8484, protocol: TCP}
        {{- if .Values.admin.enabled }}
        - {name: admin, containerPort: {{ .Values.admin.port }}, protocol: TCP}
        {{- end }}
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ .Values.shutdown.leaveSeconds | quote }}]
      startupProbe:                 # migrations may take minutes
        httpGet: {path: /health/live, port: http}
        periodSeconds: 2
        failureThreshold: 300
      readinessProbe:
        httpGet: {path: /health/ready, port: http}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      livenessProbe:                # generous: a busy process is not a dead one, and a restart loses its calls
        httpGet: {path: /health/live, port: http}
        periodSeconds: 20
        timeoutSeconds: 10
        failureThreshold: 6
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "freehold.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/freehold, readOnly: true}
        - {name: data, mountPath: /var/lib/freehold}
        - {name: temporary, mountPath: /tmp}
  volumes:
    - name: config
      configMap:
        name: {{ include "freehold.fullname" . }}
    - name: temporary
      emptyDir: {sizeLimit: 64Mi}
    {{- if not .Values.data.persistent }}
    - name: data
      emptyDir:
        sizeLimit: {{ .Values.data.size }}
    {{- end }}
{{- end -}}
