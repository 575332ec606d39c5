"""Every possible finding of `scaler doctor`, with meaning and remedy: the source of docs/doctor.md."""

from enum import Enum

from scaler.cli.checks.findings import Area, Finding, Level, Sort

_FAULT, _WARNING, _UNKNOWN = Level.FAULT, Level.WARNING, Level.UNKNOWN
_SET = "az functionapp config appsettings set --resource-group GROUP --name APP --settings"
_UNSET = "az functionapp config appsettings delete --resource-group GROUP --name APP --setting-names"
_UPDATE = "az vmss update --resource-group $group --name $set --set"
_ASSIGN = (
    'az role assignment create --role "Unreal Pixel Streaming Scaler" --assignee-object-id $identity'
    " --assignee-principal-type ServicePrincipal --scope $scope   # the role is docs/azure-role.json"
)
_EXTENSION = (
    "az vmss extension set --resource-group $group --vmss-name $set --publisher Microsoft.ManagedServices"
    " --name ApplicationHealthWindows --version 2.0 --no-wait --settings"
    """ '{"protocol":"http","port":8081,"requestPath":"/health","gracePeriod":1200}'"""
    "   # or ApplicationHealthLinux; docs/deploy.md"
)
_AGAIN = "scaler doctor   # again, when that has passed"


class Known(Enum):
    """A sort of finding; the name is also the code."""

    SETTING = Sort(
        Area.SETTINGS,
        _FAULT,
        "$mistake",
        "With a mistake in the settings no controller begins, and nothing else is looked at.",
        f"{_SET} $setting=VALUE   # docs/configuration.md has all settings",
    )
    SCHEDULE = Sort(
        Area.SETTINGS,
        _FAULT,
        "$setting is not among the settings, and other schedules are: the host does not run the $controller",
        "A timer without its schedule is an error of the host at the start.",
        f"{_SET} $setting=$example",
    )
    SCHEDULES = Sort(
        Area.SETTINGS,
        _WARNING,
        "no schedule is among these settings: the app's own settings have more than these",
        "Without schedules doctor cannot tell whether a controller is due, and the host runs none.",
        "func azure functionapp fetch-app-settings APP && func settings decrypt",
    )
    THREADS = Sort(
        Area.SETTINGS,
        _FAULT,
        "PYTHON_THREADPOOL_THREAD_COUNT is $value: four controllers need a thread each",
        "A controller waits for the thread of another one: visitors wait while the cleaner ticks.",
        f"{_UNSET} PYTHON_THREADPOOL_THREAD_COUNT",
    )
    PROCESSES = Sort(
        Area.SETTINGS,
        _FAULT,
        "FUNCTIONS_WORKER_PROCESS_COUNT is $value: the controllers are spread over several processes",
        "Each process lists the scale sets for itself, and Azure's budget of listings is soon at its end.",
        f"{_SET} FUNCTIONS_WORKER_PROCESS_COUNT=1",
    )
    RUNTIME = Sort(
        Area.SETTINGS,
        _FAULT,
        "FUNCTIONS_WORKER_RUNTIME is $value, and the app is written in Python",
        "The host finds no functions.",
        f"{_SET} FUNCTIONS_WORKER_RUNTIME=python",
    )
    DISABLED = Sort(
        Area.SETTINGS,
        _FAULT,
        "$setting is true: the host does not run the $controller",
        "A controller that is switched off is missed by the three others within minutes.",
        f"{_UNSET} $setting",
    )
    SECRET = Sort(
        Area.SETTINGS,
        _FAULT,
        "$setting is a reference to Key Vault that has not become a value",
        "The reference itself is taken for the password.",
        "az role assignment create --role 'Key Vault Secrets User' --assignee-object-id OBJECT_ID"
        " --assignee-principal-type ServicePrincipal --scope KEY_VAULT_ID",
    )
    SPEED = Sort(
        Area.SETTINGS,
        _WARNING,
        "SCALER_SPEED is $value: every wait that keeps visitors safe is $value times shorter",
        "That is for the emulator; the settings do not allow it with Azure.",
        f"{_UNSET} SCALER_SPEED",
    )
    GAP = Sort(
        Area.SETTINGS,
        _WARNING,
        "the starter sleeps for up to $gap between two watches (STARTER_SCHEDULE, SCALER_STARTER_WATCH)",
        "A visitor who reserves then waits that much longer for the machine to be started.",
        f"{_SET} STARTER_SCHEDULE='*/10 * * * * *' SCALER_STARTER_WATCH=9.8s",
    )
    PAUSED = Sort(
        Area.SETTINGS,
        _WARNING,
        "SCALER_PAUSED is $value",
        "A pause ends by a person alone: the controllers give no orders, or only starts.",
        f"{_UNSET} SCALER_PAUSED",
    )
    ENDLESS = Sort(
        Area.SETTINGS,
        _WARNING,
        "SCALER_VM_RUNTIME is 0: a session that its queue manager forgets lasts for ever",
        "The machine of a forgotten session is billed until somebody looks.",
        f"{_SET} SCALER_VM_RUNTIME=1h",
    )
    PLAIN = Sort(
        Area.SETTINGS,
        _FAULT,
        "the connection to Redis at $host is not encrypted",
        "Whoever is on the way reads and writes the records: sessions, and addresses of visitors.",
        f"{_SET} REDIS_SSL=true   # or rediss:// in REDIS_URL",
    )
    TOKEN = Sort(
        Area.AZURE,
        _FAULT,
        "$error",
        "Without a token nothing in Azure can be looked at.",
        "az login   # on your machine; for the app: az functionapp identity show --resource-group GROUP --name APP",
    )
    SILENT = Sort(
        Area.AZURE,
        _FAULT,
        "$error",
        "No machine is made, started or deleted meanwhile.",
        "curl --silent --show-error --head $arm   # from the network of the function app",
    )
    ABSENT = Sort(
        Area.AZURE,
        _FAULT,
        "$set is not there: $error",
        "The controllers work on what AZURE_VMSS_NAME, AZURE_RESOURCE_GROUP and AZURE_SUBSCRIPTION_ID name.",
        "az vmss list --subscription $subscription --query '[].{group:resourceGroup,name:name}' --output table",
    )
    FORBIDDEN = Sort(
        Area.AZURE,
        _FAULT,
        "$set may not be read: $error",
        "Who may not read the scale set sees no machine.",
        _ASSIGN,
    )
    UNREADABLE = Sort(
        Area.AZURE,
        _FAULT,
        "$set cannot be used: $error",
        "The controllers refuse such a scale set in each tick.",
        "az vmss show --resource-group $group --name $set",
    )
    FLEXIBLE = Sort(
        Area.SHAPE,
        _WARNING,
        "$set has Flexible orchestration, which is experimental here",
        "Machines are started one by one, and listings cost more; nobody has run it against Azure.",
        "az vmss create --orchestration-mode Uniform --resource-group $group --name NEW_NAME",
    )
    UPGRADES = Sort(
        Area.SHAPE,
        _FAULT,
        "$set: the upgrade policy is $value, and should be Manual",
        "Azure reimages machines under their visitors when the model changes.",
        f"{_UPDATE} upgradePolicy.mode=Manual",
    )
    OS_UPGRADES = Sort(
        Area.SHAPE,
        _FAULT,
        "$set: automatic upgrades of the operating system's image are on",
        "Azure replaces disks under visitors.",
        f"{_UPDATE} upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade=false",
    )
    OVERPROVISION = Sort(
        Area.SHAPE,
        _FAULT,
        "$set: overprovisioning is on",
        "Azure makes more machines than were ordered and deletes some, marked ones and reserved ones perhaps.",
        f"{_UPDATE} overprovision=false",
    )
    ONE_GROUP = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: all machines have to fit into a single placement group",
        "100 machines at most, all in one cluster of the datacenter: starts fail for want of room there sooner.",
        f"{_UPDATE} singlePlacementGroup=false",
    )
    REPAIRS = Sort(
        Area.SHAPE,
        _FAULT,
        "$set: automatic repairs are on",
        "A machine at rest is unhealthy to Azure, which deletes or reimages it; so is a busy one with a slow answer.",
        f"{_UPDATE} automaticRepairsPolicy.enabled=false",
    )
    NOTICE = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: terminate notifications are on",
        "Each delete waits for minutes, and the used machine is billed for them.",
        f"{_UPDATE} virtualMachineProfile.scheduledEventsProfile.terminateNotificationProfile.enable=false",
    )
    REBALANCING = Sort(
        Area.SHAPE,
        _FAULT,
        "$set: zone rebalancing is on",
        "Azure deletes machines in one zone and makes others elsewhere, whoever is inside.",
        f"{_UPDATE} resiliencyPolicy.automaticZoneRebalancingPolicy.enabled=false",
    )
    STRICT_ZONES = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: zones must be balanced strictly",
        "Where one zone is sold out no machine is made in the others.",
        f"{_UPDATE} zoneBalance=false",
    )
    EPHEMERAL = Sort(
        Area.SHAPE,
        _FAULT,
        "$set: the disks of the operating system are ephemeral",
        "Such a machine cannot be deallocated: there are no cold machines, and all are billed.",
        "az vmss create --ephemeral-os-disk false --orchestration-mode Uniform --resource-group $group --name NEW_NAME",
    )
    SPOT = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: an evicted Spot machine is deleted, not deallocated",
        "Its record is gone with the machine, and the visitor's side is never told why the session ended.",
        "az vmss create --priority Spot --eviction-policy Deallocate --resource-group $group --name NEW_NAME",
    )
    HEALTH = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: no extension tells the health of the application",
        "A machine that runs with a broken application looks like a good one.",
        _EXTENSION,
    )
    HEALTH_TYPE = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: its health extension is $value, which is not one for the system of its disks",
        "The extension never works, and the machines are Failed (VMExtensionProvisioningError).",
        _EXTENSION,
    )
    HEALTH_VERSION = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: its health extension has version $value, which knows neither Initializing nor Unknown",
        "Each answer with status 200 is healthy; the scaler reads all of it as unknown.",
        _EXTENSION,
    )
    HEALTH_PROTOCOL = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: its health extension asks by $value",
        "Only http and https with a requestPath carry an answer; with tcp an open port is Healthy.",
        _EXTENSION,
    )
    HEALTH_INTERVAL = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: intervalInSeconds times numberOfProbes is $value s in its health extension, and 240 at most is allowed",
        "The extension refuses its settings, and the machines are Failed (VMExtensionProvisioningError).",
        _EXTENSION,
    )
    HEALTH_LATE = Sort(
        Area.SHAPE,
        _FAULT,
        "$set: its health extension tells a change after $value s, and sessions end by two looks a minute apart",
        "Both looks may show the time before the visitor connected, and the session of a visitor inside ends.",
        _EXTENSION,
    )
    HEALTH_GRACE = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: the gracePeriod of its health extension is $value s, shorter than a first run can take (900 s)",
        "A machine whose tests and first run take longer is Unknown meanwhile, which looks like one that hangs.",
        _EXTENSION,
    )
    HEALTH_BEHIND = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: $value of its running machines show no health, though the model has the extension",
        "They were made before the extension; it comes to them only with the latest model.",
        "scaler renew --stale   # sessions go on; az vmss list-instances shows latestModelApplied",
    )
    ADDRESS = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: the machines get no public address of their own",
        "Records have only private addresses, which a browser outside the network does not reach.",
        "az deployment group create --resource-group $group --template-file infra/examples/scale-set.bicep"
        "   # with your parameters, the present capacity among them",
    )
    FAILED = Sort(
        Area.SHAPE,
        _WARNING,
        "$set: its last change has failed (provisioningState $value)",
        "The next change may fail for the same reason.",
        "az monitor activity-log list --resource-id $scope --status Failed --offset 1d --output table",
    )
    CONSENT = Sort(
        Area.SHAPE,
        _WARNING,
        "$set does not carry the tag scaler:managed: the scaler observes, and gives no order",
        "Right until you want it to act; a running installation is adopted first.",
        "az tag update --operation Merge --tags scaler:managed=$ours --resource-id $scope",
    )
    FOREIGN = Sort(
        Area.SHAPE,
        _FAULT,
        "$set carries the tag scaler:managed=$value, and SCALER_NAME is $ours: another installation's",
        "The scaler gives no order there.",
        "az tag update --operation Merge --tags scaler:managed=$ours --resource-id $scope   # if nobody else has it",
    )
    HALTED = Sort(
        Area.SHAPE,
        _WARNING,
        "$set carries a tag scaler:paused",
        "A pause ends by a person alone.",
        "scaler resume",
    )
    LIMIT = Sort(
        Area.SHAPE,
        _FAULT,
        "$set may grow to $most machines by the settings, and holds $value at most",
        "Azure refuses every order beyond that number.",
        f"{_SET} SCALER_POOL_MAX=$value",
    )
    ACTION = Sort(
        Area.ROLES,
        _FAULT,
        "the identity may not do $action at $set: $loss",
        "The controllers' orders and looks are refused with 403.",
        _ASSIGN,
    )
    OPTIONAL = Sort(
        Area.ROLES,
        _WARNING,
        "the identity may not do $action at $set: $loss",
        "The scaler works without, at that price.",
        _ASSIGN,
    )
    MARK = Sort(
        Area.ROLES,
        _FAULT,
        "Azure refuses the mark on $machine: $error",
        "Without the mark no machine is ever offered to a visitor.",
        _ASSIGN,
    )
    MARK_UNTRIED = Sort(
        Area.ROLES,
        _UNKNOWN,
        "the mark was not tried on $machine: $reason",
        "A mark that is set already is set again, which changes nothing; a new mark would spend the machine.",
        "scaler status   # machines with a mark have `yes` in its column",
    )
    IDENTITY = Sort(
        Area.ROLES,
        _UNKNOWN,
        "the role of the function app's identity was not looked at: Azure tells a person the person's own actions",
        "An action that is missing shows in the log of the controllers, when it is needed.",
        "scaler doctor --identity $$(az identity list --query \"[?clientId=='$client'].principalId\" --output tsv)"
        "   # system-assigned: az functionapp identity show --query principalId",
    )
    ROLE_UNSEEN = Sort(
        Area.ROLES,
        _UNKNOWN,
        "which actions the identity has at $set cannot be seen: $error",
        "Azure tells a caller's permissions to whoever may read them.",
        "az role assignment list --all --assignee $identity --output table   # against docs/identities.md",
    )
    CORES = Sort(
        Area.CORES,
        _FAULT,
        "$sets: to grow by $more to the settings' limit takes $wanted cores, and the quota $quota has $room left in"
        " $location",
        "Azure refuses machines beyond its quota, when they are needed most.",
        "az quota update --resource-name $quota --scope $region --limit-object value=$limit"
        " limit-object-type=LimitValue   # or lower SCALER_POOL_MAX",
    )
    WITHHELD = Sort(
        Area.CORES,
        _FAULT,
        "$set: $size is not sold to this subscription in $location ($reason)",
        "No machine can be made.",
        "az vm list-skus --location $location --size $size --all --output table",
    )
    RESERVED = Sort(
        Area.CORES,
        _WARNING,
        "$set: its capacity reservation holds $value of the $most machines that the settings allow",
        "Machines beyond the reservation start only where Azure has room at that moment.",
        "az capacity reservation update --capacity $most --ids $reservation/capacityReservations/NAME",
    )
    CORES_UNSEEN = Sort(
        Area.CORES,
        _UNKNOWN,
        "$set: whether the quota has room cannot be seen: $error",
        "Quota and sizes are read with the rights of a person, not with the scaler's role.",
        "az vm list-usage --location $location --output table   # as Reader of the subscription",
    )
    AWAY = Sort(
        Area.REDIS,
        _FAULT,
        "$error",
        "Three of the four controllers do nothing meanwhile; the provisioner goes on.",
        "redis-cli -h $host -p $port ping   # from the network of the function app",
    )
    REFUSED = Sort(
        Area.REDIS,
        _FAULT,
        "$error",
        "The controllers' ticks fail for the same reason.",
        f"{_SET} NAME=VALUE   # of the setting that the sentence names",
    )
    RIGHTS = Sort(
        Area.REDIS,
        _FAULT,
        "$error",
        "A tick that lacks a right fails before anything is written.",
        "redis-cli -h $host -p $port ACL SETUSER $user $rights",
    )
    RIGHTS_OPTIONAL = Sort(
        Area.REDIS,
        _WARNING,
        "$error",
        "The scaler works without that right, at that price.",
        "redis-cli -h $host -p $port ACL SETUSER $user $rights",
    )
    CROSSSLOT = Sort(
        Area.REDIS,
        _FAULT,
        "$error",
        "Record, notes and index of a machine move together, which a cluster does in one slot alone (CROSSSLOT).",
        f"{_SET} SCALER_REDIS_PREFIX=$prefix   # and in the queue manager",
    )
    QUEUE = Sort(
        Area.REDIS,
        _FAULT,
        "the queue manager's user $queue may not run $lacks, neither as $who",
        "Reservations fail, or end half-way.",
        "redis-cli -h $host -p $port ACL SETUSER $queue $kit",
    )
    QUEUE_UNSEEN = Sort(
        Area.REDIS,
        _UNKNOWN,
        "the rights of the queue manager's user $queue cannot be seen: $error",
        "It takes Redis 7 and a user with +acl|dryrun; Azure's servers have no ACL commands.",
        "redis-cli -h $host -p $port ACL GETUSER $queue   # against docs/redis-contract.md#rights",
    )
    OCCUPIED = Sort(
        Area.REDIS,
        _FAULT,
        "another scaler uses the prefix $prefix: it is for $others",
        "Two scalers on one prefix would take each other's machines for gone; the second one refuses to tick.",
        f"{_SET} SCALER_REDIS_PREFIX=ANOTHER   # or stop the other scaler",
    )
    OLD = Sort(
        Area.REDIS,
        _FAULT,
        "Redis is version $value, and 6 or later is needed",
        "Scripts and users of the contract are those of Redis 6.",
        "az redisenterprise create --resource-group GROUP --name NAME --sku Balanced_B0",
    )
    EVICTS = Sort(
        Area.REDIS,
        _FAULT,
        "Redis evicts keys when it is full: maxmemory-policy is $value, and should be noeviction",
        "Records and notes vanish, and the scaler becomes careful and slow.",
        "redis-cli -h $host -p $port CONFIG SET maxmemory-policy noeviction"
        "   # Azure: az redisenterprise database update --cluster-name NAME --resource-group GROUP"
        " --eviction-policy NoEviction",
    )
    FULL = Sort(
        Area.REDIS,
        _WARNING,
        "Redis' memory is nearly full: $value %",
        "A full Redis without eviction takes no writes: nobody is let in.",
        "redis-cli -h $host -p $port --bigkeys",
    )
    UNSAVED = Sort(
        Area.REDIS,
        _WARNING,
        "Redis keeps nothing on disk",
        "A restart loses records and notes: running sessions are presumed, reservations are lost.",
        "redis-cli -h $host -p $port CONFIG SET appendonly yes"
        "   # Azure: az redisenterprise database update --cluster-name NAME --resource-group GROUP"
        " --persistence aof-enabled=true aof-frequency=1s",
    )
    SAVES_UNSEEN = Sort(
        Area.REDIS,
        _UNKNOWN,
        "whether Redis keeps its data on disk cannot be seen: no append-only file, and CONFIG is not for this user",
        "A restart without a file on disk loses records and notes.",
        "redis-cli -h $host -p $port CONFIG GET save   # as its administrator; Azure: az redisenterprise database show"
        " --cluster-name NAME --resource-group GROUP --query persistence",
    )
    SINGLE = Sort(
        Area.REDIS,
        _WARNING,
        "Redis has no replica",
        "When the server is lost nothing takes its place, and no start note is confirmed.",
        "az redisenterprise update --resource-group GROUP --name NAME --high-availability Enabled",
    )
    HOT_ALONE = Sort(
        Area.REDIS,
        _FAULT,
        "hot machines (SCALER_HOTPOOL_SIZE, scaler:hot) need a replica of Redis, and none confirms a write (WAIT)"
        " within $value ms",
        "No machine is heated, and a session that waits for a hot one goes on with another machine.",
        "az functionapp config appsettings set --resource-group GROUP --name NAME --settings SCALER_HOTPOOL_SIZE=0"
        "   # or delete the tag scaler:hot that says more",
    )
    BEHIND = Sort(
        Area.REDIS,
        _WARNING,
        "Redis' replica did not confirm a write within $value ms",
        "A start whose note is not confirmed may be forgotten by a failover, and given twice.",
        "redis-cli -h $host -p $port INFO replication",
    )
    SLOW = Sort(
        Area.REDIS,
        _WARNING,
        "Redis answers in $value ms from here",
        "A tick makes several round trips; the starter's probe for visitors makes four a second.",
        "redis-cli -h $host -p $port --latency   # from the network of the function app",
    )
    UNINFORMED = Sort(
        Area.REDIS,
        _UNKNOWN,
        "Redis does not answer INFO to this user: version, eviction, replicas and memory cannot be seen",
        "The scaler cannot check them either, nor see a failover in the middle of a tick.",
        "redis-cli -h $host -p $port ACL SETUSER $user +info",
    )
    ODD = Sort(
        Area.REDIS,
        _WARNING,
        "$error",
        "A row that cannot be read is never offered, and never deleted.",
        "scaler status",
    )
    SKEW = Sort(
        Area.CLOCKS,
        _WARNING,
        "the clock of $clock is $value this host's",
        "Tokens and certificates are checked by a host's own clock; waits are measured by each clock for itself.",
        "timedatectl status   # here; if this host is right, ask whoever runs the other one",
    )
    NEVER = Sort(
        Area.CONTROLLERS,
        _WARNING,
        "$said",
        "Right before the first deployment.",
        "az functionapp function list --resource-group GROUP --name APP --output table",
    )
    LATE = Sort(
        Area.CONTROLLERS,
        _FAULT,
        "$said",
        "What that controller does is not done.",
        "az functionapp restart --resource-group GROUP --name APP",
    )
    ALARM = Sort(
        Area.CONTROLLERS,
        _FAULT,
        "$said",
        "The controllers hold something back until an operator has looked.",
        "scaler explain --capacity; scaler plan $controller   # docs/operations.md has every alarm",
    )
    TROUBLE = Sort(
        Area.CONTROLLERS,
        _WARNING,
        "$said",
        "Nothing yet: look again.",
        "scaler status",
    )
    HOST = Sort(
        Area.CONTROLLERS,
        _WARNING,
        "the clock of the $controller's host is $value that of Redis",
        "The times in its log are off, and tokens may be refused.",
        "az functionapp restart --resource-group GROUP --name APP",
    )
    VERSIONS = Sort(
        Area.CONTROLLERS,
        _WARNING,
        "the controllers are of several versions: $versions",
        "Right for a minute during a deployment; later a second app, or a slot, ticks as well.",
        "az functionapp list --query '[].{group:resourceGroup,name:name,state:state}' --output table",
    )
    UNCHECKED = Sort(
        Area.SETTINGS,
        _UNKNOWN,
        "$area could not be looked at: $error",
        "The other checks were made.",
        _AGAIN,
    )

    def found(self, **facts: object) -> Finding:
        """The finding with these facts."""
        return self.value.found(self.code, facts)

    @property
    def code(self) -> str:
        """The name for people and machines."""
        return self.name.lower().replace("_", "-")
