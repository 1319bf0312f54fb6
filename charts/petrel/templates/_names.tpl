{{/*
Names, labels and images that more than one template must agree on.
*/}}

{{/* What the names of all objects start with. Short enough that "-operator" after it still makes a Service name. */}}
{{- define "petrel.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 54 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 54 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "petrel.operatorName" -}}
{{- include "petrel.name" . -}}-operator
{{- end -}}

{{/* Another name than that of the election's Role, for a release that watches its own namespace. */}}
{{- define "petrel.modelsRoleName" -}}
{{- include "petrel.operatorName" . }}-models
{{- end -}}

{{- define "petrel.routerName" -}}
{{- include "petrel.name" . -}}-router
{{- end -}}

{{/* Labels of every object. */}}
{{- define "petrel.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" .Chart.Name
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/part-of" "petrel"
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
-}}
{{- toYaml (merge $own .Values.commonLabels) -}}
{{- end -}}

{{/* Labels of the operator's objects. */}}
{{- define "petrel.operatorLabels" -}}
{{ include "petrel.labels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Labels that select the operator's pods. A Deployment's selector cannot change, so neither can these. */}}
{{- define "petrel.operatorSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Labels and annotations of an object. Takes the root, the component (or "") and annotations of its own. */}}
{{- define "petrel.marks" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "petrel.labels" $root | nindent 2 }}
  {{- with index . 1 }}
  app.kubernetes.io/component: {{ . }}
  {{- end }}
{{- with merge (dict) (index . 2) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The name of an image, by digest where one is given. Takes [image, version]. */}}
{{- define "petrel.imageName" -}}
{{- with index . 0 -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default (index $ 1)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The Petrel image. */}}
{{- define "petrel.image" -}}
{{- include "petrel.imageName" (list .Values.image .Chart.AppVersion) -}}
{{- end -}}

{{/* The image of model servers that compute with CUDA. */}}
{{- define "petrel.cudaImage" -}}
{{- include "petrel.imageName" (list .Values.cudaImage .Chart.AppVersion) -}}
{{- end -}}

{{/* What the operator is told about the pods of routers. */}}
{{- define "petrel.routerPods" -}}
{{- $pods := pick .Values.router "imagePullSecrets" "nodeSelector" "tolerations" -}}
{{- $resources := dict "routerResources" .Values.router.resources "envoyResources" .Values.envoy.resources -}}
--router-pods={{ toJson (merge $resources $pods) }}
{{- end -}}

{{/* What the operator is told about collectors. */}}
{{- define "petrel.collectorPods" -}}
{{- $pods := pick .Values.collector "imagePullSecrets" "nodeSelector" "tolerations" "resources" -}}
{{- $storage := dict "storageSize" .Values.collector.storage.size -}}
{{- with .Values.collector.storage.className -}}
{{- $_ := set $storage "storageClassName" . -}}
{{- end -}}
--collector-pods={{ toJson (merge $storage $pods) }}
{{- end -}}
