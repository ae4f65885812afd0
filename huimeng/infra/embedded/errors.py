"""What can keep the database from starting, each with words that tell what to do."""

from __future__ import annotations

from huimeng.kernel.errors import BusinessError


class EmbeddedError(BusinessError):
    """The database can't be started or used as asked."""

    code = "database_not_started"
    status = 503
    message_zh = "数据库未能启动：{reason}。日志：{log}"
    message_en = "The database did not start: {reason}. Its log is {log}"


class StartFailed(EmbeddedError):
    pass


class DiskFull(EmbeddedError):
    code = "disk_full"
    message_zh = "磁盘空间不足：{path} 所在磁盘只剩 {free_mb} MB，请先腾出至少 {needed_mb} MB 再启动，数据未受损"
    message_en = "The disk is full: {path} has {free_mb} MB left; free at least {needed_mb} MB, nothing is damaged"


class OtherMajorVersion(EmbeddedError):
    code = "database_other_version"
    message_zh = "{path} 是 PostgreSQL {found} 的数据，本版本使用 {expected}。请用原版本导出后再导入，或另选数据目录"
    message_en = (
        "{path} was written by PostgreSQL {found}, this release runs {expected}: "
        "export it with the release that wrote it, or choose another HUIMENG_DATA"
    )


class ForeignFolder(EmbeddedError):
    code = "folder_of_another_program"
    message_zh = "{path} 属于其他程序（{sign}），不会改动它。请用 HUIMENG_DATA 另选一个空目录"
    message_en = "{path} belongs to another program ({sign}) and was left alone: point HUIMENG_DATA to an empty folder"


class FolderInUse(EmbeddedError):
    code = "folder_in_use"
    message_zh = "{path} 正被另一个 PostgreSQL 进程（pid {pid}）使用，它不是会盟启动的，请先停止它"
    message_en = "{path} is served by a PostgreSQL (pid {pid}) that Huimeng did not start: stop that one first"


class FolderNotWritable(EmbeddedError):
    code = "folder_not_writable"
    message_zh = "无法写入 {path}（{reason}）。请检查目录的所有者和权限，或用 HUIMENG_DATA 另选目录"
    message_en = "{path} can't be written ({reason}): check its owner and mode, or choose another HUIMENG_DATA"


class FolderNotReachable(EmbeddedError):
    code = "folder_not_reachable"
    message_zh = (
        "以 root 运行时数据库使用用户 {user}，但它进不到 {path}。请以普通用户运行，"
        "或把程序和数据放到该用户可进入的目录，或保留 CAP_DAC_OVERRIDE 能力"
    )
    message_en = (
        "Started as root, the database runs as user {user}, who can't reach {path}: run as a normal user, "
        "put program and data where that user may go, or keep the capability CAP_DAC_OVERRIDE"
    )


class NoUnprivilegedUser(EmbeddedError):
    code = "no_unprivileged_user"
    message_zh = (
        "PostgreSQL 不能以 root 运行，且无法切换到普通用户（{reason}）。请以普通用户运行，或设置 HUIMENG_PG_USER"
    )
    message_en = (
        "PostgreSQL refuses to run as root and no other user can be taken ({reason}): "
        "run as a normal user, or set HUIMENG_PG_USER"
    )


class WheelMissing(EmbeddedError):
    code = "database_binaries_missing"
    message_zh = (
        "本机（{platform}）没有可用的内置 PostgreSQL（{reason}）。请重新安装，或用 DATABASE_URL 指向 PostgreSQL 16 以上"
    )
    message_en = (
        "There is no embedded PostgreSQL for this machine ({platform}: {reason}): "
        "install again, or set DATABASE_URL to a PostgreSQL 16 or later"
    )


class SocketUnsafe(EmbeddedError):
    code = "socket_folder_unsafe"
    message_zh = "套接字目录 {path} 不可信（{reason}）。请删除它，或设置 XDG_RUNTIME_DIR"
    message_en = "The socket folder {path} can't be trusted ({reason}): remove it, or set XDG_RUNTIME_DIR"


class SocketFailed(EmbeddedError):
    code = "socket_failed"
    message_zh = "无法在 {path} 建立套接字：{reason}"
    message_en = "No socket could be made in {path}: {reason}"


class ServerTooOld(EmbeddedError):
    code = "database_too_old"
    message_zh = "DATABASE_URL 指向 PostgreSQL {found}，需要 16 以上"
    message_en = "DATABASE_URL leads to PostgreSQL {found}; 16 or later is needed"


class RolesMissing(EmbeddedError):
    code = "database_roles_missing"
    message_zh = "数据库用户 {user} 无权准备角色（{reason}）。请数据库管理员执行：{sql}"
    message_en = "The database user {user} may not prepare the roles ({reason}). Let an administrator run: {sql}"


class RoleUnsafe(EmbeddedError):
    code = "database_role_unsafe"
    message_zh = "数据库角色 {role} 是超级用户或可绕过行级安全，不能用于运行"
    message_en = "The database role {role} is a superuser or bypasses row security: it can't be used to run"
